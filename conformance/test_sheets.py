"""Sheets on paper: what is read from the PDF opens the doors, and is nowhere else."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from conformance import acme
from conformance.clients.device import Device
from conformance.house import SOAPSTONE, House, client, must, run
from conformance.small_disk import on_a_small_disk

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
    words = ("--kind", "person", "--subject", "CN=王\U00030001明,C=TW", "--account", "boxed")

    done = serving.attempt("register", *words, "--pdf", str(tmp_path / "sheet.pdf"))

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "U+30001" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert serving.attempt("show", "boxed").returncode == 1


def test_a_sheet_that_cannot_be_printed_leaves_the_one_before_as_it_is(serving: House, tmp_path: Path) -> None:
    subject = "CN=王\U00030001明,C=TW"
    sheet = serving.register("--kind", "device", "--subject", subject, "--account", "unprinted")

    done = serving.attempt("sheet", "unprinted", "--pdf", str(tmp_path / "sheet.pdf"))

    assert done.returncode == 1
    assert not (tmp_path / "sheet.pdf").exists()
    assert Device(serving, tmp_path / "device").enroll(sheet) == 200


def test_a_sheet_that_no_disk_takes_is_said_to_be_lost(serving: House, tmp_path: Path) -> None:
    sheet = serving.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--account", "no-room")
    small = tmp_path / "small"
    small.mkdir()

    words = (SOAPSTONE, "--home", serving.home, "sheet", "no-room", "--pdf", small / "sheet.pdf")
    done = on_a_small_disk(small, *words, kib=4)

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "No space left on device; sheet 2 of no-room was made, and nobody has it" in done.stderr
    assert Device(serving, tmp_path / "device").enroll(sheet) == 401


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
    sheet = (SOAPSTONE, "--home", serving.home, "register", "--kind", "device", "--subject", "CN=x,C=TW")

    text = without_fonts(*sheet, path="/usr/bin:/bin")
    pdf = without_fonts(*sheet, "--pdf", tmp_path / "sheet.pdf", path="/usr/bin:/bin")

    assert text.returncode == 0, text.stderr
    assert re.search(_CODE, text.stdout)
    assert pdf.returncode == 1
    assert "fonts-noto-cjk" in pdf.stderr
    assert len(pdf.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_fonts_that_cannot_be_installed_are_named_and_stop_nothing_but_the_tests(tmp_path: Path) -> None:
    # Nobody can install anything where there is no apt-get.
    (tmp_path / "id").symlink_to("/usr/bin/id")

    going_on = without_fonts("/bin/sh", "requirements/fonts", path=str(tmp_path))
    required = without_fonts("/bin/sh", "requirements/fonts", "--required", path=str(tmp_path))

    assert (going_on.returncode, required.returncode) == (0, 1)
    assert "apt-get install fonts-noto-cjk fonts-cns11643-kai" in going_on.stderr
    assert going_on.stderr == required.stderr


def without_fonts(*command: str | Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run a program to which /usr/share/fonts is empty."""
    alone = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-c")
    script = 'mount -t tmpfs none /usr/share/fonts && exec env PATH="$0" LANG=C.UTF-8 "$@"'
    return run(*alone, script, path, *command, cwd=Path(__file__).parents[1])


def test_a_device_enrolls_by_nothing_but_the_qr_code_on_its_sheet(serving: House, tmp_path: Path) -> None:
    paper = tmp_path / "sheet.pdf"
    serving.command(
        "register", "--kind", "device", "--subject", "CN=camera,C=TW", "--account", "camera", "--pdf", str(paper)
    )

    scanned = urlsplit(scan(paper))

    device = Device(serving, tmp_path / "device")
    secret = {name: value for name, (value,) in parse_qs(scanned.fragment).items()}
    assert secret.keys() == {"account", "code"}
    device.curl(
        *("-H", "Content-Type: application/pkcs10", "--data-binary", f"@{device.request}"),
        *("-u", f"{secret['account']}:{secret['code']}", f"{scanned._replace(fragment='').geturl()}/simpleenroll"),
    )
    assert device.headers.read_text().startswith("HTTP/1.1 200")


@pytest.mark.parametrize("language", ["zh-Hant", "en"])
def test_the_qr_code_of_a_person_is_the_portal_with_the_secret_in_the_fragment(
    serving: House, tmp_path: Path, language: str
) -> None:
    paper, account = tmp_path / "sheet.pdf", f"scanned-{language}"
    names = ("--subject", _SUBJECT, "--account", account, "--language", language)
    serving.command("register", "--kind", "organization", *names, "--pdf", str(paper))

    scanned = urlsplit(scan(paper))

    assert scanned._replace(fragment="").geturl() == f"https://localhost:{serving.port}/"
    assert parse_qs(scanned.fragment) == {"account": [account], "password": [secrets_on(paper)["initial_password"]]}


def scan(paper: Path) -> str:
    """What a camera reads from the QR code of a printed page."""
    page = paper.with_suffix("")
    must(client("pdftoppm"), "-r", "150", "-png", "-singlefile", paper, page)
    return must(client("zbarimg"), "--quiet", "--raw", page.with_suffix(".png")).strip()


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
