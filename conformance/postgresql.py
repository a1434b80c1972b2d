"""A PostgreSQL of the tests' own: a cluster in a folder, on a socket and a loopback port, gone when the run is over."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

_PROGRAMS = Path("/usr/lib/postgresql")
_PORTS = range(32_010, 32_760)
_READY_SECONDS = 30
_STOP_SECONDS = 30
_ROLE = "soapstone"
_LOCKED_ROLE = "locked"
PASSWORD = "the-password-of-the-role-locked"
"""What `locked` needs on the loopback port; `soapstone` needs none."""

_ACCESS = f"""\
local all all trust
host all {_LOCKED_ROLE} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
# Memory for a machine that runs many at once; what is confirmed is on the disk as everywhere.
_SETTINGS = """\
listen_addresses = '127.0.0.1'
shared_buffers = 32MB
max_connections = 200
max_wal_size = 256MB
autovacuum_naptime = 10s
log_min_messages = warning
"""


def _program(name: str) -> Path:
    """Where Debian puts it, the newest first; a missing one fails the test."""
    for folder in sorted(_PROGRAMS.glob("*/bin"), reverse=True):
        if (folder / name).exists():
            return folder / name
    raise AssertionError("PostgreSQL is missing; run conformance/install")


def _free_port() -> int:
    # Above those of the servers under test, below those that the kernel lends.
    for port in itertools.islice(itertools.cycle(_PORTS), os.getpid() % len(_PORTS), None):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("there is no free port")


def _as_nobody_special() -> tuple[str, ...]:
    """How to run its programs, which refuse root; what was started so ends with the test that started it."""
    if os.getuid() != 0:
        return ("setpriv", "--pdeathsig", "INT")
    user = pwd.getpwnam("postgres")
    return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig", "INT")


_started: list[Cluster] = []


def of_this_run() -> Cluster:
    """The cluster of this process; started when it is first asked for."""
    if not _started:
        _started.append(Cluster())
    return _started[0]


def end() -> None:
    """Stop it, where it was started."""
    while _started:
        _started.pop().close()


class Cluster:
    """A server and the databases in it.

    Attributes:
        log: what the server has to say.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="soapstone-pg-"))
        self.log = self.folder / "log"
        self.port = _free_port()
        self._names = (f"store{number}" for number in itertools.count(1))
        self._process: subprocess.Popen[bytes] | None = None
        data = self.folder / "data"
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            # The socket is in here, and whoever is root by `unshare --user` has no power over what is another's.
            self.folder.chmod(0o711)
        wanted = ("--username", _ROLE, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
        made = [*_as_nobody_special(), str(_program("initdb")), "--pgdata", str(data), *wanted]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        (data / "pg_hba.conf").write_text(_ACCESS)
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"{_SETTINGS}port = {self.port}\nunix_socket_directories = '{self.folder}'\n")
        self.start()
        self.run(f"CREATE ROLE {_LOCKED_ROLE} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")

    @property
    def pid(self) -> int:
        """The running server's first process, whose children are the others."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        """What `store.url` says, by the socket."""
        return f"postgresql://{_ROLE}@/{database}?host={self.folder}&port={self.port}"

    def loopback_url(self, database: str, role: str = _ROLE) -> str:
        """What `store.url` says, by the port."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def make(self, *, template: str = "template0") -> str:
        """Make a database; return its name.

        It orders text as a dictionary does, with its capitals between the small letters: whoever relies on the order
        of bytes has to say so.
        """
        name = next(self._names)
        order = " LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" if template == "template0" else ""
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}{order}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def run(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the owner of everything; return the rows, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def change(self, setting: str) -> None:
        """Change a setting for the sessions that begin from now on."""
        self.run(f"ALTER SYSTEM SET {setting}")
        self.run("SELECT pg_reload_conf()")
        name, _, value = setting.partition(" = ")
        deadline = time.monotonic() + _READY_SECONDS
        while self.run(f"SELECT current_setting('{name}')") != [(value,)]:
            assert time.monotonic() < deadline, setting

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self.log.open("ab") as log:
            command = [*_as_nobody_special(), str(_program("postgres")), "-D", str(self.folder / "data")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                assert self._process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: by default at once and in order, by SIGQUIT as a power cut does."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_STOP_SECONDS)
            self._process = None

    def close(self) -> None:
        """Leave nothing."""
        self.stop()
        shutil.rmtree(self.folder)
