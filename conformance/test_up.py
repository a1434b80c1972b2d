"""`soapstone up` prints commands; pasted into a shell they end in certificates that openssl accepts."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from conformance.house import SOAPSTONE, client, free_ports, must, run

_FIRST_LINE = "# Commands to paste"
_KEYS = Path(__file__).parents[1] / "server" / "web" / "assets" / "keys.js"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `up` is run, and what it prints is pasted."""
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def printed(folder: Path) -> Iterator[str]:
    """What the first `up` in an empty folder prints; the server runs meanwhile."""
    with up(folder, free_ports()) as said:
        yield said


@contextmanager
def up(folder: Path, port: int) -> Iterator[str]:
    """Run `up` for the length of the block; yields what it prints until it is ready."""
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [SOAPSTONE, "--home", folder / "home", "up", "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
        )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if line.strip() == "ready":
            break
        lines.append(line)
    yield "".join(lines)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()


def test_the_pasted_commands_bring_certificates_by_acme_and_by_est(printed: str, folder: Path) -> None:
    script = printed[printed.index(_FIRST_LINE) : printed.index("ACME directory  ")]
    path = f"{client('certbot').parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = run("bash", "-e", "-o", "pipefail", "-c", script, cwd=folder, env={**os.environ, "PATH": path})

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count(": OK") == 3
    assert not (folder / "try" / "venv").exists(), "certbot was there and is not to be installed again"


def test_the_sheet_is_printed_in_both_languages(printed: str) -> None:
    assert "密碼單 PASSWORD SHEET No. 1" in printed
    assert "註冊碼 Enrollment code (EST)" in printed


def test_the_portal_is_opened_by_the_address_that_is_printed_or_by_what_is_to_be_typed(
    printed: str, folder: Path
) -> None:
    (address,) = re.findall(r"^address with the sheet +(\S+)$", printed, re.MULTILINE)
    (typed,) = re.findall(r"^or type +account (\S+), password \S+$", printed, re.MULTILINE)
    (listed,) = re.findall(r"^portal +(\S+)$", printed, re.MULTILINE)
    (password,) = re.findall(r"Initial password\n +(\S+)$", printed, re.MULTILINE)
    portal, _, fragment = address.partition("#")

    page = must("curl", "--silent", "--fail", "--cacert", folder / "home" / "trust.pem", portal)

    assert portal == listed
    assert parse_qs(fragment) == {"account": [typed], "password": [password]}
    assert f"password {password}" in printed
    assert "data-sign-in" in page
    assert ("scripts are not built" in printed) is not _KEYS.exists()


def test_the_example_has_certificates_that_browsers_make_keys_for(printed: str, folder: Path) -> None:
    shown = json.loads(run(SOAPSTONE, "--home", folder / "home", "show", "example", "--json").stdout)

    assert {"signing", "encryption"} <= set(shown["profiles"])
    assert printed.index("PASSWORD SHEET") < printed.index("# The portal") < printed.index(_FIRST_LINE)


def test_the_first_officer_opens_the_desk_with_what_is_printed(printed: str, folder: Path) -> None:
    (passphrase,) = re.findall(r"^passphrase +(\S+)$", printed, re.MULTILINE)
    (path,) = re.findall(r"^key and certificate +(\S+)$", printed, re.MULTILINE)
    (desk,) = re.findall(r"^# The RA's desk: (\S+)/ ", printed, re.MULTILINE)

    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    shown = ("--cert-type", "P12", "--cert", f"{path}:{passphrase}")
    me = must("curl", "--silent", "--cacert", folder / "home" / "trust.pem", *shown, f"{desk}/api/v1/me")
    assert (json.loads(me)["name"], json.loads(me)["role"]) == ("first", "supervisor")


def test_a_browser_on_linux_is_given_key_and_root_by_what_is_printed(printed: str, folder: Path) -> None:
    commands = re.findall(r"^ +(.*nssdb.*)$", printed, re.MULTILINE)
    store = folder / ".pki" / "nssdb"
    environment = {**os.environ, "HOME": str(folder)}

    done = run("bash", "-e", "-c", "\n".join(commands), env=environment)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    held = must("certutil", "-d", f"sql:{store}", "-L")
    assert re.search(r"^first +u,u,u$", held, re.MULTILINE), held
    assert re.search(r"^soapstone +C,, *$", held, re.MULTILINE), held


def test_a_second_run_takes_nobody_on(tmp_path: Path) -> None:
    port = free_ports()

    with up(tmp_path, port) as first:
        pass
    with up(tmp_path, port) as second:
        pass

    assert "passphrase" in first
    assert "passphrase" not in second
    assert "PASSWORD SHEET" not in second
    assert re.search(rf"^# Sheets .*: \S*soapstone --home {tmp_path / 'home'} sheet ACCOUNT$", second, re.MULTILINE)


def test_the_readme_shows_the_same_two_commands() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()

    assert "make up" in readme
    assert "make test" in readme
