"""What the portal shows ready to paste for a key or a code is pasted as it stands, and real programs get certificates.

Replaced is only what the page tells to: where the trust anchor lies, and the reader's address.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509

from conformance.clients import certbot
from conformance.clients.apache import configure, foreground
from conformance.clients.machine import served_certificate
from conformance.house import CLIENTS, House, client, must, run
from conformance.openssl import verifies
from conformance.portal_page import Page, signed_in
from conformance.waiting import until

_MAIL = "holder@panel.example"
_STOP_SECONDS = 20


class Desktop:
    """A machine on which lines are pasted into a shell that knows nothing of this house."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.folder = folder
        self.trust = folder / "trust.pem"
        self.bin = folder / "bin"
        self.bin.mkdir()
        assert page.get("/devices/trust.pem") == 200
        self.trust.write_text(page.text)
        found = f"{self.bin}:{client('certbot').parent}:{client('caddy').parent}:{os.environ['PATH']}"
        self._environment = {"PATH": found, "HOME": str(folder), "LANG": "C.UTF-8"}

    def replaced(self, lines: str) -> str:
        """The lines with what their reader puts in."""
        assert "/etc/ssl/soapstone/trust.pem" in lines or "caBundle" in lines
        return lines.replace("/etc/ssl/soapstone/trust.pem", str(self.trust)).replace("you@example.com", _MAIL)

    def paste(self, lines: str) -> None:
        """Run lines to their end, or to the first that fails, which fails the test."""
        must("bash", "-eu", "-o", "pipefail", "-c", self.replaced(lines), cwd=self.folder, env=self._environment)

    @contextmanager
    def meanwhile(self, lines: str) -> Iterator[None]:
        """Run lines of which the last one does not end by itself."""
        command = ["bash", "-eu", "-c", lines]
        with (self.folder / "said.log").open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_STOP_SECONDS)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"), 'portal.gate="off"')
    try:
        house.start()
        yield house
    finally:
        house.close()


@pytest.fixture(scope="module")
def page(house: House) -> Page:
    profiles = [part for name in ("signing", "tls-server", "device") for part in ("--profile", name)]
    return signed_in(house, "--zone", "panel.example", *profiles)


@pytest.fixture
def desktop(page: Page) -> Iterator[Desktop]:
    """In a folder that everybody may enter: root's Apache works as another user."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Desktop(page, Path(name))


def lines(page: Page, what: str, program: str, **fields: str) -> str:
    """What the page shows for a program once a key or code is made."""
    page.get(f"/devices/new/{what}")
    assert page.post(f"/devices/new/{what}", note=program, **fields) == 200, page.text
    return page.lines(program)


def test_the_page_hands_out_the_trust_anchor(house: House, desktop: Desktop) -> None:
    assert desktop.trust.read_bytes() == house.trust.read_bytes()


def test_the_lines_for_certbot_get_a_certificate_for_a_name_below_the_registered_zone(
    house: House, page: Page, desktop: Desktop
) -> None:
    pasted = lines(page, "key", "certbot")
    certbot.at_home(desktop.folder, house)

    desktop.paste(pasted)

    live = desktop.folder / "live" / "www.panel.example"
    assert verifies(house, live / "cert.pem", untrusted=live / "chain.pem")


def test_the_lines_for_lego_get_a_certificate(house: House, page: Page, desktop: Desktop) -> None:
    desktop.paste(lines(page, "key", "lego", names="lego.panel.example"))

    got = desktop.folder / ".lego" / "certificates"
    assert verifies(house, got / "lego.panel.example.crt", untrusted=got / "lego.panel.example.issuer.crt")


def test_the_lines_for_caddy_serve_a_certificate(house: House, page: Page, desktop: Desktop) -> None:
    pasted = lines(page, "key", "Caddy", names="caddy.panel.example")

    with desktop.meanwhile(desktop.replaced(pasted)):
        served = served_certificate(house, "caddy.panel.example")

    assert names_in(served) == ["caddy.panel.example"]


def test_the_lines_for_mod_md_serve_a_certificate(house: House, page: Page, desktop: Desktop) -> None:
    name = "apache.panel.example"
    desktop.paste(lines(page, "key", "mod_md (Apache)", names=".apache.panel.example\napache.panel.example"))
    configure(house, desktop.folder, name)

    # It asks while it runs, and has what it got once it is started again.
    with desktop.meanwhile(foreground(desktop.folder)):
        found = desktop.folder / "md" / "staging"
        until(lambda: list(found.glob("*/pubcert.pem")), what="Apache has a certificate")
    with desktop.meanwhile(foreground(desktop.folder)):
        served = served_certificate(house, name)

    assert names_in(served) == [name]


def test_what_is_for_cert_manager_is_as_it_defines_it_and_its_values_get_a_certificate(
    house: House, page: Page, desktop: Desktop
) -> None:
    pasted = lines(page, "key", "cert-manager", names="cluster.panel.example")
    kubectl = desktop.bin / "kubectl"
    kubectl.write_text(
        '#!/bin/sh\ncase "$*" in *create*) printf "%s\\n" "$@" >secret ;; *apply*) cat >issuer.yaml ;; esac\n'
    )
    kubectl.chmod(0o755)

    desktop.paste(pasted)

    *where, given = (desktop.folder / "secret").read_text().splitlines()
    issuer: dict[str, Any] = msgspec.yaml.decode((desktop.folder / "issuer.yaml").read_bytes())
    defined = CLIENTS / "cert-manager" / "validate.mjs"
    checked = run("node", defined, input=json.dumps(issuer))
    assert checked.returncode == 0, checked.stderr
    acme = issuer["spec"]["acme"]
    binding = acme["externalAccountBinding"]
    assert where == ["-n", "cert-manager", "create", "secret", "generic", binding["keySecretRef"]["name"]]
    field, _, secret = given.removeprefix("--from-literal=").partition("=")
    assert field == binding["keySecretRef"]["key"]
    assert (acme["server"], acme["email"]) == (house.directory, _MAIL)
    desktop.trust.write_bytes(base64.b64decode(acme["caBundle"], validate=True))
    desktop.paste(
        f"LEGO_CA_CERTIFICATES=/etc/ssl/soapstone/trust.pem lego --server {acme['server']} --email {acme['email']}"
        f" --accept-tos --eab --kid {binding['keyID']} --hmac={secret} --http --domains cluster.panel.example run"
    )


@pytest.mark.parametrize(
    ("program", "profile"),
    [
        ("curl", "device"),
        ("curl", "tls-server"),
        ("strongSwan", "device"),
        ("strongSwan", "tls-server"),
        ("strongSwan", "signing"),
    ],
)
def test_the_lines_for_est_get_a_certificate(
    house: House, page: Page, desktop: Desktop, program: str, profile: str
) -> None:
    name = f"{program.lower()}.{profile}.panel.example"

    # A code for some names gets no certificate of people's, which has none.
    limits = {} if profile == "signing" else {"names": name}
    desktop.paste(lines(page, "code", program, profiles=profile, **limits))

    got = x509.load_pem_x509_certificate((desktop.folder / "cert.pem").read_bytes())
    assert got.subject.rfc4514_string() in {"CN=panel,C=TW", "C=TW,CN=panel"}
    key = must("openssl", "pkey", "-in", desktop.folder / "key.pem", "-pubout")
    assert must("openssl", "x509", "-in", desktop.folder / "cert.pem", "-noout", "-pubkey") == key
    assert names_in(got) == ([] if profile == "signing" else [name])


def test_nothing_is_shown_that_a_code_for_some_names_is_not_good_for(page: Page) -> None:
    shown = lines(page, "code", "curl", names="a.panel.example")
    page.get("/devices/new/code")
    page.post("/devices/new/code", profiles="signing", names="a.panel.example")

    assert "/.well-known/est/tls-server/simpleenroll" in shown
    assert page.secrets
    assert "simpleenroll" not in page.text


def names_in(certificate: bytes | x509.Certificate) -> list[str]:
    if isinstance(certificate, bytes):
        certificate = x509.load_der_x509_certificate(certificate)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)
