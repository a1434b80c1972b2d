"""Sheets on paper: what is read from the PDF opens the doors, and is nowhere else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import acme
from conformance.clients.device import Device
from conformance.house import SOAPSTONE, House, client, must, run

_CODE = r"(?:[A-Z0-9]{4}-){5}[A-Z0-9]{4}"
_SUBJECT = "CN=王小明,O=範例股份有限公司,C=TW"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("sheets"))
    built.start()
    yield built
    built.close()


@pytest.mark.parametrize("language", ["zh-Hant", "en"])
def test_the_code_and_the_key_that_are_read_from_paper_open_est_and_acme(
    serving: House, tmp_path: Path, language: str
) -> None:
    paper, account = tmp_path / "sheet.pdf", f"paper-{language}"
    names = ("--subject", _SUBJECT, "--account", account, "--language", language, "--profile", "device")

    said = serving.command("register", "--kind", "organization", *names, "--pdf", str(paper))

    read = secrets_on(paper)
    assert not any(secret in said for secret in read.values())
    assert Device(serving, tmp_path / "device").enroll({"account": account, **read}) == 200
    eab = {"kid": read["kid"], "hmac_key": read["hmac_key"]}
    assert acme.Client(serving).new_account(eab).status == 201


def test_a_new_sheet_on_paper_voids_the_one_before(serving: House, tmp_path: Path) -> None:
    first = serving.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--account", "again")
    device = Device(serving, tmp_path / "device")

    serving.command("sheet", "again", "--pdf", str(tmp_path / "sheet.pdf"))

    assert device.enroll(first) == 401
    code = re.findall(_CODE, text_of(tmp_path / "sheet.pdf"))[0]
    assert device.enroll({"account": "again", "enrollment_code": code}) == 200


def test_the_file_is_its_owners_alone_and_no_file_is_overwritten(serving: House, tmp_path: Path) -> None:
    sheet = serving.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--account", "kept")
    there, new = tmp_path / "there.pdf", tmp_path / "new.pdf"
    there.write_text("mine")

    refused = serving.attempt("sheet", "kept", "--pdf", str(there))
    nowhere = serving.attempt("sheet", "kept", "--pdf", str(tmp_path / "nowhere" / "sheet.pdf"))

    assert (refused.returncode, nowhere.returncode) == (1, 1)
    assert "not overwritten" in refused.stderr
    assert there.read_text() == "mine"
    # What could not be handed over was not made: the sheet before it works on.
    assert Device(serving, tmp_path / "device").enroll(sheet) == 200
    serving.command("sheet", "kept", "--pdf", str(new))
    assert new.stat().st_mode & 0o777 == 0o600


def test_a_sheet_goes_through_a_pipe_and_says_nothing_else(serving: House, tmp_path: Path) -> None:
    paper = tmp_path / "piped.pdf"
    words = ("--kind", "device", "--subject", "CN=sensor,C=TW", "--account", "piped")
    script = f"set -o pipefail; '{SOAPSTONE}' --home '{serving.home}' register \"$@\" --pdf - | cat > '{paper}'"

    done = run("bash", "-c", script, "bash", *words)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    code = re.findall(_CODE, text_of(paper))[0]
    assert Device(serving, tmp_path / "device").enroll({"account": "piped", "enrollment_code": code}) == 200


def test_a_sheet_is_handed_over_once(serving: House, tmp_path: Path) -> None:
    words = ("--kind", "device", "--subject", "CN=x", "--account", "twice")

    done = serving.attempt("register", *words, "--json", "--pdf", str(tmp_path / "sheet.pdf"))

    assert done.returncode == 2
    assert not (tmp_path / "sheet.pdf").exists()
    assert serving.attempt("show", "twice").returncode == 1


def test_a_name_that_cannot_be_printed_registers_nobody_and_leaves_no_file(serving: House, tmp_path: Path) -> None:
    words = ("--kind", "person", "--subject", "CN=王\U0001e290明,C=TW", "--account", "boxed")

    done = serving.attempt("register", *words, "--pdf", str(tmp_path / "sheet.pdf"))

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "U+1E290" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert serving.attempt("show", "boxed").returncode == 1


def test_a_sheet_that_cannot_be_printed_leaves_the_one_before_as_it_is(serving: House, tmp_path: Path) -> None:
    subject = "CN=王\U0001e290明,C=TW"
    sheet = serving.register("--kind", "device", "--subject", subject, "--account", "unprinted")

    done = serving.attempt("sheet", "unprinted", "--pdf", str(tmp_path / "sheet.pdf"))

    assert done.returncode == 1
    assert not (tmp_path / "sheet.pdf").exists()
    assert Device(serving, tmp_path / "device").enroll(sheet) == 200


def test_the_command_writes_the_sheet_nowhere_but_to_its_file(serving: House, tmp_path: Path) -> None:
    trace, paper, spare = tmp_path / "trace", tmp_path / "sheet.pdf", tmp_path / "spare"
    spare.mkdir()
    words = ("--kind", "organization", "--subject", _SUBJECT, "--account", "traced", "--pdf", paper)
    calls = "openat,creat,memfd_create,execve"

    must(
        *(client("strace"), "-f", "-qq", "-s", "200", "-o", trace, "-e", f"trace={calls}"),
        *(SOAPSTONE, "--home", serving.home, "register", *words),
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(spare), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
    )

    written = {
        path
        for line in trace.read_text().splitlines()
        if re.search(r"O_WRONLY|O_RDWR|O_CREAT|creat\(|memfd_create", line) and " = -1 " not in line
        for path in re.findall(r'"([^"]*)"', line)
    }
    assert {path for path in written if not path.startswith((f"{serving.home}/", str(paper), "/dev/null"))} == set()
    assert list(spare.iterdir()) == []
    found = secrets_on(paper)
    assert not any(secret in trace.read_text() for secret in found.values())


def test_without_fonts_a_sheet_is_printed_as_text_and_a_pdf_names_the_package(serving: House, tmp_path: Path) -> None:
    # A process of its own in which /usr/share/fonts is empty, and so is whatever else fontconfig may know.
    sheet = ("--kind", "device", "--subject", "CN=x,C=TW")
    script = 'mount -t tmpfs none /usr/share/fonts && exec "$@"'
    alone: tuple[str | Path, ...] = ("unshare", "--mount", "bash", "-c", script, "bash", SOAPSTONE)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    text = run(*alone, "--home", serving.home, "register", *sheet, env=environment)
    pdf = run(*alone, "--home", serving.home, "register", *sheet, "--pdf", tmp_path / "sheet.pdf", env=environment)

    assert text.returncode == 0, text.stderr
    assert re.search(_CODE, text.stdout)
    assert pdf.returncode == 1
    assert "fonts-noto-cjk" in pdf.stderr
    assert len(pdf.stderr.splitlines()) == 1


def test_the_qr_code_on_paper_is_a_figure_of_dark_and_light_squares(serving: House, tmp_path: Path) -> None:
    serving.command(
        "register", "--kind", "person", "--subject", _SUBJECT, "--account", "seen", "--pdf", str(tmp_path / "sheet.pdf")
    )

    must(client("pdftoppm"), "-r", "72", "-gray", "-singlefile", tmp_path / "sheet.pdf", tmp_path / "page")

    header, _, pixels = (tmp_path / "page.pgm").read_bytes().partition(b"\n255\n")
    width = int(header.split()[1])
    rows = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    # The middle third, at the right: where the QR code is, about half of the squares are dark.
    square = b"".join(row[400:520] for row in rows[345:465])
    assert 0.3 < sum(pixel < 128 for pixel in square) / len(square) < 0.6


def secrets_on(paper: Path) -> dict[str, Any]:
    """The secrets of a sheet with all of them, read by the labels that are printed above them."""
    lines = [line.strip() for line in text_of(paper).splitlines()]

    def below(label: str) -> str:
        (at,) = [number for number, line in enumerate(lines) if label in line]
        return lines[at + 1]

    return {
        "initial_password": below("Initial password"),
        "enrollment_code": below("Enrollment code (EST)"),
        "kid": below("EAB KID (ACME)"),
        "hmac_key": below("EAB HMAC key (ACME)"),
    }


def text_of(paper: Path) -> str:
    """What is printed."""
    assert shutil.which("pdftotext"), "poppler-utils is missing; run conformance/install"
    return must("pdftotext", "-layout", paper, "-")
