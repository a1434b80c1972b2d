"""The subscriber's DNS: the two commands of the guide's hooks, and the name server that they change."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

from conformance.clients.machine import Machine
from conformance.dns import Responder


@contextlib.contextmanager
def dns_commands(machine: Machine, responder: Responder) -> Iterator[None]:
    """Put `dns-add` and `dns-remove` into a machine's path, for as long as this lasts."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registrar)
    server.responder = responder  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    for command, method in (("dns-add", "PUT"), ("dns-remove", "DELETE")):
        curl = f"curl --silent --show-error --fail --noproxy '*' -X {method} --data-raw"
        machine.command(command, f'{curl} "$2" "http://127.0.0.1:{server.server_port}/$1"')
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Registrar(http.server.BaseHTTPRequestHandler):
    """Adds or removes one TXT record, named by the path."""

    def do_PUT(self) -> None:
        self._responder.add(self.path[1:], "TXT", self._value())
        self._done()

    def do_DELETE(self) -> None:
        self._value()
        self._responder.remove(self.path[1:], "TXT")
        self._done()

    @property
    def _responder(self) -> Responder:
        responder: Responder = self.server.responder  # type: ignore[attr-defined]
        return responder

    def _value(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def _done(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass
