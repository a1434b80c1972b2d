"""What an operator installs: a wheel that has all that pages load and say, and serves without a checkout."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conformance.house import free_ports, must

_ROOT = Path(__file__).parents[1]
_SOAPSTONE = (sys.executable, "-P", "-c", "from server.cli.main import main; main()")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel of this checkout brings."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check")
    must(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", folder, _ROOT)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_has_what_is_built_and_not_what_it_is_built_from(unpacked: Path) -> None:
    assets = unpacked / "server" / "web" / "assets"

    for name in ("pico.css", "portal.js", "keys.js"):
        assert (assets / name).stat().st_size, name
    assert not list(unpacked.rglob("*.ts"))
    assert not list(unpacked.rglob("node_modules"))


def test_a_server_out_of_the_wheel_shows_the_portal_with_its_scripts(unpacked: Path, tmp_path: Path) -> None:
    port = free_ports()
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    start = (*_SOAPSTONE, "--home", tmp_path / "home", "up", "--port", str(port))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(start, stdout=subprocess.PIPE, stderr=log, text=True, cwd=tmp_path, env=environment)
    assert process.stdout is not None
    try:
        printed = "".join(itertools.takewhile(lambda line: line != "ready\n", process.stdout))
        fetch = ("curl", "--silent", "--fail", "--cacert", tmp_path / "home" / "trust.pem")
        page = must(*fetch, f"https://localhost:{port}/")
        loaded = {name: must(*fetch, f"https://localhost:{port}{place}") for place, name in assets_of(page)}
        helped = must(*fetch, f"https://localhost:{port}/help/unproven")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()

    assert "scripts are not built" not in printed
    assert {"pico.css", "portal.js"} <= set(loaded)
    assert all(loaded.values())
    assert "<h1>" in helped


def assets_of(page: str) -> list[tuple[str, str]]:
    """The addresses of what a page loads, and the names of the files that they were."""
    return [(place, f"{stem}.{ending}") for place, stem, ending in re.findall(r'"(/assets/(\w+)\.\w+\.(\w+))"', page)]
