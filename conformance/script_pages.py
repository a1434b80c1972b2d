"""Pages for the portal's scripts, as server/portal/script/README.md has them: what they post is enrolled by EST."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

ASSETS = Path(__file__).parents[1] / "server" / "web" / "assets"
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_KEY_TYPES = ("ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "own")
Issue = Callable[[str, str], str | None]
"""A profile and a request in PEM to the certificate and what issued it, in PEM; None if that is refused."""


class Pages:
    """One subscriber's pages, on a loopback port.

    Attributes:
        posted: the fields of everything that was posted, oldest first.
        chains: what is shown as issued, by profile.
        holds_back: whether an application waits for an officer.
        breaks: whether the answer to an application, which was carried out, is that something went wrong.
        main: what the page at `/main` shows.
    """

    def __init__(self, issue: Issue, port: int) -> None:
        self.issue = issue
        self.url = f"http://localhost:{port}"
        self.posted: list[dict[str, str]] = []
        self.chains: dict[str, str] = {}
        self.holds_back = self.breaks = False
        self.main = ""

    def answer(self, path: str, fields: Mapping[str, str] | None) -> tuple[int, str]:
        """What is at a path: status, and a page, or where else to look."""
        if fields is None:
            return 200, {"/apply": _apply(), "/issued": self._issued(), "/main": self.main}.get(
                path, "<h1>Nothing</h1>"
            )
        self.posted.append(dict(fields))
        if path != "/apply":
            return 200, "<h1>Arrived</h1>"
        for name, request in fields.items():
            chain = self.issue(name.removeprefix("csr."), request) if name.startswith("csr.") and request else None
            if chain is None and name.startswith("csr.") and request:
                return 422, '<h1>Refused</h1><p class="errors">No.</p>' + _apply()
            if chain is not None:
                self.chains[name.removeprefix("csr.")] = chain
        if self.breaks:
            return 500, "<h1>Broken</h1>"
        return 303, "/waiting" if self.holds_back else "/issued"

    def _issued(self) -> str:
        return '<a href="#issued">Skip</a><h1 id="issued">Issued</h1>' + "".join(
            section(profile, chain) for profile, chain in self.chains.items()
        )


def section(profile: str, chain: str) -> str:
    """Where the PKCS #12 of a certificate is made."""
    return f"""<section data-pkcs12 data-friendly-name="王小明 {profile}" data-file-name="{profile}.p12" hidden>
<h2>{profile}</h2><template data-chain>{chain}</template>
<form data-make><label>Passphrase <input type="password" data-passphrase></label><button>Make</button></form>
<a data-file hidden>Download {profile}</a> <button type="button" data-forget hidden>Forget {profile}</button>
<p data-forgotten hidden>Forgotten {profile}</p>
<p data-failed hidden><span data-why="passphrase" hidden>Another one</span></p>
</section><p data-lost hidden>No key of {profile} here</p>"""


def _apply() -> str:
    parts = "".join(_fieldset(profile) for profile in ("signing", "encryption"))
    return f"""<h1>Apply</h1><form method="post" action="/apply" data-apply>{parts}
<div data-scripted data-passphrases hidden>
<label>Passphrase <input type="password" data-passphrase minlength="8"></label>
<label>Again <input type="password" data-passphrase-again></label></div>
<p data-progress hidden><span data-step="keys">Keys</span></p>
<p data-failed hidden><span data-why="passphrase" hidden>Too short</span>
<span data-why="differs" hidden>Not the same</span></p>
<button name="go" value="1">Send</button></form>"""


def _fieldset(profile: str) -> str:
    options = "".join(f"<option>{escape(one)}</option>" for one in _KEY_TYPES)
    return f"""<fieldset data-profile="{profile}" data-common-name="王小明 {profile}"><legend>{profile}</legend>
<input type="checkbox" name="profile" value="{profile}" checked aria-label="{profile}">
<label>Key of {profile} <select data-key-type data-scripted hidden>{options}</select></label>
<div data-own><label>Request of {profile} <textarea name="csr.{profile}" data-csr></textarea></label>
<label>File of {profile} <input type="file" data-csr-file></label></div></fieldset>"""


@contextmanager
def served(issue: Issue) -> Iterator[Pages]:
    """Pages for the length of the block."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/assets/")
            if self.path.startswith("/assets/") and (ASSETS / name).exists():
                self._send(200, "text/javascript", (ASSETS / name).read_bytes())
            else:
                self._page(*pages.answer(self.path, None))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._page(*pages.answer(self.path, dict(parse_qsl(body, keep_blank_values=True))))

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal of the tests."""

        def _page(self, status: int, main: str) -> None:
            scripts = "".join(f'<script src="/assets/{name}" defer></script>' for name in ("portal.js", "keys.js"))
            page = (
                f'<!doctype html><html lang="en"><title>Pages</title>{scripts}<main tabindex="-1">{main}</main></html>'
            )
            location = main if status == 303 else None
            self._send(status, "text/html; charset=utf-8", b"" if location else page.encode(), location)

        def _send(self, status: int, media_type: str, body: bytes, location: str | None = None) -> None:
            self.send_response(status)
            headers = {"Content-Type": media_type, "Content-Length": str(len(body)), "Content-Security-Policy": _POLICY}
            for name, value in {**headers, **({"Location": location} if location else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    pages = Pages(issue, server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
