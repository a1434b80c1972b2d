"""certbot 5.x from PyPI, in folders of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from conformance.house import House, client, run


class Certbot:
    """One machine that uses certbot."""

    def __init__(self, house: House, folder: Path) -> None:
        self._house = house
        self.folder = folder

    def live(self, name: str, file: str = "cert.pem") -> Path:
        """A file of the newest certificate of a name."""
        return self.folder / "live" / name / file

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command of certbot."""
        folders = [f"--{kind}-dir={self.folder}" for kind in ("config", "work", "logs")]
        environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(self._house.trust)}
        return run(
            client("certbot"),
            *arguments,
            *folders,
            "--server",
            self._house.directory,
            "--non-interactive",
            env=environment,
        )

    def certonly(self, name: str, sheet: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
        """Get a certificate with the EAB key of a sheet."""
        return self(
            "certonly",
            "--agree-tos",
            "-m",
            "holder@example.com",
            "--eab-kid",
            sheet["eab"]["kid"],
            "--eab-hmac-key",
            sheet["eab"]["hmac_key"],
            "--standalone",
            "--preferred-challenges",
            "http",
            "--http-01-port",
            str(self._house.http_01_port),
            "--http-01-address",
            "127.0.0.1",
            "-d",
            name,
            *options,
        )


def at_home(folder: Path, house: House) -> None:
    """Have a certbot that is called by nothing but a command line keep its files in a folder, and ask nobody else."""
    settings = folder / ".config" / "letsencrypt" / "cli.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"config-dir = {folder}\nwork-dir = {folder}\nlogs-dir = {folder}\n"
        f"http-01-port = {house.http_01_port}\nhttp-01-address = 127.0.0.1\nno-random-sleep-on-renew = true\n"
    )
