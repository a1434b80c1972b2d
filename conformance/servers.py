"""Two servers with two homes on one PostgreSQL, and haproxy from Debian in front of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance import stores
from conformance.house import House, client, free_ports, must, run

_READY_SECONDS = 10

_CONFIGURATION = """
global
    maxconn 4000
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 2s
    retries 3
    option redispatch 1
    option httpchk
    balance roundrobin
    default-server check inter 200ms fall 1 rise 1
"""

_PORT = """
listen {name}
    bind 127.0.0.1:{port}
    http-check send meth GET uri /health/{health}
{servers}
"""


class Fellow(House):
    """A server whose home was made from another's, as an operator does it."""

    def __init__(self, folder: Path, handed_over: Path, store: str) -> None:
        self.home = folder / "home"
        self.port = free_ports()
        self.store = store
        self._offset = folder / "clock"
        self._log = folder / "server.log"
        self._process = None
        self.command("join", str(handed_over), "--set", f"port={self.port}")

    def close(self) -> None:
        """Leave the store to whoever made it."""
        if self._process is not None:
            self.kill()


class Servers:
    """The servers, and where clients find them."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._port = free_ports()
        urls = (
            f"public_url=https://localhost:{self.port}",
            f"est_url=https://localhost:{self.port + 1}",
            f"repository_url=http://localhost:{self.port + 3}",
        )
        folders = [folder / name for name in ("one", "other")]
        for each in folders:
            each.mkdir()
        self.one = House(folders[0], *urls, *settings, store=stores.new(stores.POSTGRESQL))
        self.one.start()
        handed_over = folder / "handed-over.tar.gz"
        self.one.command("backup", "--for-another-server", str(handed_over))
        self.other = Fellow(folders[1], handed_over, self.one.store)
        self.other.start()
        self._folder = folder
        self._balancer: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Of the balancer; EST's and the repository's are 1 and 3 more, as a server's own."""
        return self._port

    @property
    def trust(self) -> Path:
        return self.one.trust

    @property
    def est(self) -> str:
        return f"https://localhost:{self.port + 1}/.well-known/est"

    @property
    def repository(self) -> str:
        return f"http://localhost:{self.port + 3}"

    @property
    def both(self) -> tuple[House, House]:
        return self.one, self.other

    def balance(self) -> None:
        """Start the balancer and wait until it sees both servers ready."""
        places = (("acme", 0, "ready"), ("est", 1, "ready"), ("repository", 3, "live"))
        text = _CONFIGURATION + "".join(self._place(*place) for place in places)
        file = self._folder / "haproxy.cfg"
        file.write_text(text)
        must(client("haproxy"), "-c", "-f", file)
        with (self._folder / "haproxy.log").open("ab") as log:
            self._balancer = subprocess.Popen([str(client("haproxy")), "-db", "-f", str(file)], stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_SECONDS
        while run("curl", "-sf", f"{self.repository}/health/ready").returncode:
            assert time.monotonic() < deadline, "the balancer finds no server"
            time.sleep(0.05)

    def _place(self, name: str, offset: int, health: str) -> str:
        servers = "\n".join(
            f"    server s{number} 127.0.0.1:{house.port + offset} port {house.port + 3}"
            for number, house in enumerate(self.both)
        )
        return _PORT.format(name=name, port=self.port + offset, health=health, servers=servers)

    def close(self) -> None:
        """Leave nothing running."""
        if self._balancer is not None:
            self._balancer.kill()
            self._balancer.wait()
        self.other.close()
        self.one.close()


@contextmanager
def servers(folder: Path, *settings: str) -> Iterator[Servers]:
    """Two servers behind a balancer, for the length of the block."""
    opened = Servers(folder, *settings)
    try:
        opened.balance()
        yield opened
    finally:
        opened.close()
