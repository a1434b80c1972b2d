"""Caddy, a web server that is its own ACME client, by the configuration in our guide."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from conformance.clients.machine import Machine, house_of_the_past
from conformance.dns import Responder
from conformance.house import House

NAME = "caddy.example"
_SECONDS = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Responder() as responder:
        responder.add(NAME, "A", "127.0.0.1")
        folder = tmp_path_factory.mktemp("house")
        with house_of_the_past(folder, f'acme.resolvers=["{responder.address}"]') as built:
            built.start()
            yield built


def serving(house: House, machine: Machine, *, other_than: bytes = b"") -> bytes:
    """The certificate that Caddy serves under our trust anchor, as soon as it is another one."""
    context = ssl.create_default_context(cafile=str(house.trust))
    deadline = time.monotonic() + _SECONDS
    with machine.pasted_meanwhile("caddy run") as log:
        while time.monotonic() < deadline:
            try:
                with (
                    socket.create_connection(("127.0.0.1", house.tls_alpn_01_port), timeout=5) as plain,
                    context.wrap_socket(plain, server_hostname=NAME) as tls,
                ):
                    certificate = tls.getpeercert(binary_form=True) or b""
                if certificate != other_than:
                    return certificate
            except OSError:
                pass
            time.sleep(0.1)
    raise AssertionError(log.read_text()[-4000:])


def test_caddy_gets_a_certificate_and_renews_it_before_its_end(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sheet = house.register(
        *("--kind", "organization", "--subject", "CN=Shop,O=Example,C=TW", "--account", "shop"),
        *("--dns", NAME, "--challenged"),
    )
    machine = Machine(house, tmp_path_factory.mktemp("machine"), sheet, NAME=NAME)
    configured = machine.paste("caddy config")
    assert configured.returncode == 0, configured.stderr

    first = serving(house, machine)
    house.move_clock(days=0)
    second = serving(house, machine, other_than=first)

    assert first != second
    assert len(house.certificates("shop")) == 2
