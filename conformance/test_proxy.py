"""EST, ACME and the portal behind a proxy that nobody here wrote: Caddy, configured as docs/guides/operator.md says."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import expect

from conformance.browser import browser
from conformance.channel import CHALLENGE_PASSWORD, Tls12, enroll_head, exchange, request
from conformance.clients.device import Device
from conformance.house import House, client, free_ports, must

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "operator.md"


class Proxy:
    """Caddy before both listeners.

    Args:
        ports: for EST, and the next one for ACME and the portal.
    """

    def __init__(self, house: House, folder: Path, ports: int) -> None:
        self._folder = folder
        self.est_port, self.public_port = ports, ports + 1
        self.certificate = folder / "proxy.pem"
        key = folder / "proxy.key"
        must(
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "1",
            ),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key),
            *("-out", self.certificate),
        )
        text = re.search(r"```caddyfile\n(.*?)```", GUIDE.read_text(), re.DOTALL)
        assert text
        config = text[1]
        for name, value in {
            "est.pki.example {": f"https://localhost:{self.est_port} {{",
            "acme.pki.example {": f"https://localhost:{self.public_port} {{",
            "10.0.0.9:8444": f"127.0.0.1:{house.port + 1}",
            "10.0.0.9:8443": f"127.0.0.1:{house.port}",
            "/etc/caddy/proxy.pem": str(self.certificate),
            "/etc/caddy/proxy.key": str(key),
            "/etc/caddy/trust.pem": str(house.trust),
            "tls_server_name pki.example": "tls_server_name localhost",
        }.items():
            assert name in config, name
            config = config.replace(name, value)
        (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + config)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "caddy.log").open("wb") as log:
            self._process = subprocess.Popen(
                [client("caddy"), "run", "--config", self._folder / "Caddyfile", "--adapter", "caddyfile"],
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(self._folder), "XDG_DATA_HOME": str(self._folder)},
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.est_port)):
                    return
            time.sleep(0.1)
        raise AssertionError((self._folder / "caddy.log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


@pytest.fixture(scope="module")
def ports() -> int:
    """Where the proxy listens, which the server has to know before it is there."""
    return free_ports()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, ports: int) -> Iterator[House]:
    named = ('proxies=["127.0.0.1"]', 'est.proxies=["127.0.0.1"]', f'public_url="https://localhost:{ports + 1}"')
    built = House(tmp_path_factory.mktemp("proxied"), *named, "renewal.window_days=3660")
    built.start()
    yield built
    built.close()


@pytest.fixture(scope="module")
def proxy(shared: House, tmp_path_factory: pytest.TempPathFactory, ports: int) -> Iterator[Proxy]:
    built = Proxy(shared, tmp_path_factory.mktemp("caddy"), ports)
    built.start()
    yield built
    built.stop()


class Behind(Device):
    """A device that reaches us through the proxy."""

    def __init__(self, house: House, folder: Path, proxy: Proxy) -> None:
        super().__init__(house, folder, subject="/CN=sensor/C=TW")
        self._proxy = proxy

    def ask_through(self, path: str, *options: str | Path) -> int:
        done = self.curl(
            *("--cacert", self._proxy.certificate, "-H", "Content-Type: application/pkcs10"),
            *("--data-binary", f"@{self.request}", *options),
            f"https://localhost:{self._proxy.est_port}/.well-known/est/{path}",
        )
        return int(done.stdout)


@pytest.fixture
def sheet(shared: House) -> dict[str, Any]:
    return shared.register(
        "--kind", "device", "--subject", "CN=sensor,C=TW", "--dns", "sensor.example", "--uses", "unlimited"
    )


def test_a_certificate_is_renewed_through_the_proxy(
    shared: House, proxy: Proxy, sheet: dict[str, Any], tmp_path: Path
) -> None:
    device = Behind(shared, tmp_path, proxy)
    code = f"{sheet['account']}:{sheet['enrollment_code']}"

    assert device.ask_through("simpleenroll", "-u", code) == 200, device.said()
    device._open()
    held, key = device.keep()
    assert device.ask_through("simplereenroll") == 403
    device.new_key()
    device.ask_like(held)
    assert device.ask_through("simplereenroll", "--cert", held, "--key", key) == 200, device.said()

    assert len(shared.certificates(sheet["account"])) == 2


def test_a_client_cannot_say_who_it_is_past_the_proxy(
    shared: House, proxy: Proxy, sheet: dict[str, Any], tmp_path: Path
) -> None:
    device = Behind(shared, tmp_path, proxy)
    device.enroll(sheet)
    der = x509.load_pem_x509_certificate(device.certificate.read_bytes()).public_bytes(Encoding.DER)
    stolen = f"Client-Cert: :{base64.b64encode(der).decode()}:"

    assert device.ask_through("simplereenroll", "-H", stolen) == 403
    assert device.ask_through("simpleenroll", "-H", stolen) == 401
    assert device.ask_through("simpleenroll", "-H", stolen, "-H", "Client-Cert-Chain: :AAAA:") == 401


def test_there_is_no_channel_binding_through_a_proxy(shared: House, sheet: dict[str, Any]) -> None:
    # What comes from the proxy's address ends at the proxy, whatever it carries.
    connection = Tls12(shared)

    status, body = exchange(
        connection,
        enroll_head(sheet),
        request("sensor", [(CHALLENGE_PASSWORD, base64.b64encode(connection.binding()))]),
    )

    connection.close()
    assert status == 400
    assert b"no channel binding" in body


def test_the_journal_names_the_client_and_not_the_proxy(
    shared: House, proxy: Proxy, sheet: dict[str, Any], tmp_path: Path
) -> None:
    device = Behind(shared, tmp_path, proxy)
    # Caddy takes nobody's word for it: it writes the address that it sees, and we believe it and not its client.
    spoofed = ("-H", "X-Forwarded-For: 203.0.113.9", "-H", "Forwarded: for=203.0.113.9")

    status = device.ask_through(
        "simpleenroll", "-u", f"{sheet['account']}:{sheet['enrollment_code']}", "--interface", "127.0.0.2", *spoofed
    )

    journal = shared.command("journal", "list", "--json")
    assert status == 200, device.said()
    assert "127.0.0.2" in journal
    assert "203.0.113.9" not in journal


def test_acme_answers_through_the_proxy(shared: House, proxy: Proxy, tmp_path: Path) -> None:
    directory = must(
        *("curl", "--silent", "--show-error", "--fail", "--cacert", proxy.certificate),
        f"https://localhost:{proxy.public_port}/acme/directory",
    )

    assert json.loads(directory)["newNonce"].startswith(f"https://localhost:{proxy.public_port}/")


def test_somebody_signs_in_at_the_portal_through_the_proxy(
    shared: House, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sheet = shared.register("--kind", "person", "--subject", "CN=yiru,C=TW", "--account", "yiru")
    portal, old, new = sheet["portal_url"], sheet["initial_password"], "lobster paints nine moons"
    with browser(shared, tmp_path_factory.mktemp("browser"), trust=proxy.certificate) as chromium:
        page = chromium.portal_page()
        page.goto(f"{portal}#account=yiru&password={old}")
        page.locator("form[data-sign-in] button").click()
        for field, value in {"#old": old, "#new": new, "#again": new}.items():
            page.locator(field).fill(value)
        page.locator('form[action="/password"] button').click()

        expect(page.locator("nav.tabs")).to_be_visible()
        assert page.url.startswith(portal)


def test_a_page_of_another_name_than_the_public_one_sends_no_form(shared: House) -> None:
    # A proxy whose name was not told: its pages are read, and what they send is refused as another site's would be.
    fetch = ("curl", "--silent", "--cacert", shared.trust, "--write-out", "%{http_code}", "--output", "/dev/null")
    by_its_own_name = f"https://localhost:{shared.port}"

    read = must(*fetch, f"{by_its_own_name}/sign-in")
    sent = must(*fetch, "--header", f"Origin: {by_its_own_name}", "--data", "account=a", f"{by_its_own_name}/sign-in")

    assert (read, sent) == ("200", "403")
