"""The server under test: the installed `soapstone` command, in a home made for the test, on free loopback ports."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from conformance import homes, stores

SOAPSTONE = Path(sys.executable).with_name("soapstone")
CLIENTS = Path(__file__).parents[1] / ".clients"
_READY_SECONDS = 30
_STOP_SECONDS = 20
_PORTS_OF_A_SERVER = 4
_HIGHEST_PORT = 32_000  # above, the kernel lends ports to outgoing connections
_OFFSET_VARIABLE = "SOAPSTONE_CLOCK_OFFSET_FILE"


# Neighbouring process numbers begin far from each other: two runs at once do not meet.
_candidates = itertools.count(20_000 + os.getpid() * 3_764 % 8_000, _PORTS_OF_A_SERVER)


def free_ports() -> int:
    """The first of four consecutive loopback ports that nobody uses, and that were not given out before."""
    for first in itertools.takewhile(lambda port: port < _HIGHEST_PORT, _candidates):
        if _are_free(first):
            return first
    raise AssertionError("there are no four free ports in a row")


def _are_free(first: int) -> bool:
    try:
        for port in range(first, first + _PORTS_OF_A_SERVER):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; what it prints is in the result."""
    options = {"timeout": 90, **options}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


def must(*command: str | Path, **options: Any) -> str:
    """Run a program that has to succeed; return its standard output."""
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class House:
    """One home and its server.

    Args:
        store: what `store.url` says; by default, a new one of the kind that this run is about.

    Attributes:
        served_with: options of `serve`.
    """

    served_with: tuple[str, ...] = ()

    def __init__(
        self,
        folder: Path,
        *settings: str,
        options: tuple[str, ...] = ("--development",),
        store: str | None = None,
    ) -> None:
        self.home = folder / "home"
        self._offset = folder / "clock"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[str] | None = None
        self.store = store or stores.new()
        wanted = (
            *options,
            *(part for setting in (f"store.url={self.store}", *settings) for part in ("--set", setting)),
        )
        # A database of PostgreSQL, a key in a token and what a test has put there are no part of a copy.
        is_plain = self.store == stores.IN_A_FILE and "--issuing-key" not in options and not self.home.exists()
        self._wanted = wanted if is_plain and not self._offset.exists() else None
        self._kept = homes.borrow(wanted) if self._wanted else None
        if self._kept and _are_free(self._kept.port) and _are_free(self._kept.http_01_port):
            _, self.port, self.http_01_port = self._kept
            shutil.copytree(self._kept.folder, self.home)
        else:
            self.port, self.http_01_port = free_ports(), free_ports()
            self._init(*wanted)
        self.tls_alpn_01_port = self.http_01_port + 1

    def _init(self, *wanted: str) -> None:
        probed = (f"acme.http_01_port={self.http_01_port}", f"acme.tls_alpn_01_port={self.http_01_port + 1}")
        sets = [part for setting in probed for part in ("--set", setting)]
        self.command("init", "--port", str(self.port), *wanted, *sets)
        self._kept = homes.keep(self.home, self.port, self.http_01_port) if self._wanted else None

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.port}/acme/directory"

    @property
    def est(self) -> str:
        return f"https://localhost:{self.port + 1}/.well-known/est"

    @property
    def repository(self) -> str:
        return f"http://localhost:{self.port + 3}"

    @property
    def trust(self) -> Path:
        return self.home / "trust.pem"

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return self._log.read_text() if self._log.exists() else ""

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours, whatever comes of it."""
        return run(SOAPSTONE, "--home", self.home, *arguments, env=self._environment())

    def command(self, *arguments: str) -> str:
        """Run a command of ours that has to succeed."""
        return must(SOAPSTONE, "--home", self.home, *arguments, env=self._environment())

    def register(self, *arguments: str) -> dict[str, Any]:
        """Register a subscriber; return the sheet."""
        sheet: dict[str, Any] = json.loads(self.command("register", "--json", *arguments))
        return sheet

    def certificates(self, account: str) -> list[dict[str, Any]]:
        """What an account holds."""
        listed: list[dict[str, Any]] = json.loads(self.command("certificates", "--account", account, "--json"))
        return listed

    def behind_its_back(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement in its store, as whoever administers the database can; return the rows, if it has any."""
        return stores.run(self.store, self.home, sql)

    def move_clock(self, *, days: float) -> None:
        """Move the server's clock from now on, while it runs."""
        # Renamed: who reads the file while it is written would be back in the present for a moment.
        beside = self._offset.with_suffix(".new")
        beside.write_text(str(int(days * 86_400)))
        beside.replace(self._offset)

    @property
    def pid(self) -> int:
        """The running server's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        assert self.launch(), f"the server ended:\n{self.log[-4000:]}"

    def launch(self, *under: str | Path) -> bool:
        """Start the server, under another program if need be; whether it became ready before it ended."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*under, SOAPSTONE, "--home", self.home, "serve", *self.served_with],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment(),
            )
        assert self._process.stdout is not None
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            line = self._process.stdout.readline()
            if line.strip() == "ready":
                return True
            if not line:
                return False
        raise AssertionError(f"the server was not ready in {_READY_SECONDS} s:\n{self.log[-4000:]}")

    @property
    def has_stopped(self) -> bool:
        """Whether no server was started since the last one was stopped."""
        return self._process is None

    def ended(self) -> bool:
        """Whether the server that was started is dead."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Stop the server as an operator does; it has to end cleanly."""
        assert self._end(signal.SIGTERM) == 0, self.log[-4000:]

    def kill(self) -> None:
        """Stop it as a power cut does."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None:
            self.kill()
        stores.forget(self.store)
        if self._wanted and self._kept:
            homes.give_back(self._wanted, self._kept)
            self._kept = None

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(number)
        status = process.wait(_STOP_SECONDS)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def _environment(self) -> dict[str, str]:
        return {**os.environ, _OFFSET_VARIABLE: str(self._offset)}


def client(name: str) -> Path:
    """A client's program; one that is missing fails the test and is never skipped."""
    found = shutil.which(name) or shutil.which(name, path=f"{CLIENTS / name / 'bin'}:/usr/sbin")
    assert found, f"{name} is missing; run conformance/install"
    return Path(found)
