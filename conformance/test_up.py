"""`soapstone up` prints commands; pasted into a shell they end in certificates that openssl accepts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.house import SOAPSTONE, client, free_ports, run

_FIRST_LINE = "# Commands to paste"


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[str]:
    """What the first `up` in an empty folder prints until it is ready; the server runs meanwhile."""
    home = tmp_path / "home"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [SOAPSTONE, "--home", home, "up", "--port", str(free_ports())],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=tmp_path,
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


def test_the_pasted_commands_bring_certificates_by_acme_and_by_est(printed: str, tmp_path: Path) -> None:
    script = printed[printed.index(_FIRST_LINE) : printed.index("ACME directory  ")]
    path = f"{client('certbot').parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    done = run("bash", "-e", "-o", "pipefail", "-c", script, cwd=tmp_path, env={**os.environ, "PATH": path})

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count(": OK") == 3
    assert not (tmp_path / "try" / "venv").exists(), "certbot was there and is not to be installed again"


def test_the_sheet_is_printed_in_both_languages(printed: str) -> None:
    assert "密碼函 PASSWORD SHEET No. 1" in printed
    assert "註冊碼 Enrollment code (EST)" in printed


def test_the_readme_shows_the_same_two_commands() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()

    assert "make up" in readme
    assert "make test" in readme
