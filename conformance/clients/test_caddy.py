"""Caddy, a web server that is its own ACME client, by the configuration in our guide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.clients.machine import Machine, house_of_the_past, served_certificate
from conformance.dns import Responder
from conformance.house import House

NAME = "caddy.example"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Responder() as responder:
        responder.add(NAME, "A", "127.0.0.1")
        folder = tmp_path_factory.mktemp("house")
        with house_of_the_past(folder, f'acme.resolvers=["{responder.address}"]') as built:
            built.start()
            yield built


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

    with machine.pasted_meanwhile("caddy run"):
        first = served_certificate(house, NAME)
    house.move_clock(days=0)
    with machine.pasted_meanwhile("caddy run"):
        second = served_certificate(house, NAME, other_than=first)

    assert first != second
    assert len(house.certificates("shop")) == 2
