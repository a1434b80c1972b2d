"""lego, whose library is in Traefik and others, gets, renews and revokes, by the command lines of our guide."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from conformance.clients.machine import Machine, house_of_the_past
from conformance.clients.zone import dns_commands
from conformance.dns import Responder
from conformance.house import House

NAME, TLS, WILD = "lego.localhost", "tls.example", "wild.example"
CERTIFICATE, CHAIN = f".lego/certificates/{NAME}.crt", f".lego/certificates/{NAME}.issuer.crt"

Steps = dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def house(responder: Responder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    resolver = f'acme.resolvers=["{responder.address}"]'
    with house_of_the_past(tmp_path_factory.mktemp("house"), resolver) as built:
        built.start()
        yield built


@pytest.fixture(scope="module")
def machine(house: House, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    sheet = house.register(
        *("--kind", "organization", "--subject", "CN=Shop,O=Example,C=TW", "--account", "shop"),
        *("--dns", NAME, "--dns", TLS, "--dns", f"*.{WILD}", "--challenged"),
    )
    return Machine(house, tmp_path_factory.mktemp("machine"), sheet, NAME=NAME)


@pytest.fixture(scope="module")
def life(house: House, machine: Machine, responder: Responder) -> Steps:
    """What became of each command, from the past until today."""
    machine.paste_first("lego trust")
    done: Steps = {"issue": machine.paste("lego issue")}
    machine.shell(f"mkdir first && cp {CERTIFICATE} first/cert.pem && cp {CHAIN} first/chain.pem")
    done["too early"] = machine.shell(
        "lego --server $SERVER --email $MAIL --accept-tos --eab --kid $KID --hmac $KEY --http --http.port :$HTTP_PORT"
        f" --domains {NAME} renew --days 100 --no-random-sleep"
    )
    house.move_clock(days=0)
    done["renew"] = machine.paste("lego renew")
    machine.shell(f"mkdir second && cp {CERTIFICATE} second/cert.pem && cp {CHAIN} second/chain.pem")
    done["tls"] = machine.paste("lego tls", NAME=TLS)
    with dns_commands(machine, responder):
        done["dns"] = machine.paste("lego dns", NAME=WILD, EXEC_POLLING_INTERVAL="1")
    done["revoke"] = machine.paste("lego revoke")
    return done


def test_it_binds_its_account_and_proves_a_name_over_http_01(life: Steps, machine: Machine) -> None:
    assert life["issue"].returncode == 0, life["issue"].stderr
    assert machine.verifies("first/cert.pem", untrusted="first/chain.pem")


def test_before_the_window_it_is_told_when_that_opens(life: Steps) -> None:
    assert life["too early"].returncode != 0
    assert "the renewal window opens on 20" in life["too early"].stderr


def test_a_third_of_the_life_before_the_end_it_renews(life: Steps, machine: Machine) -> None:
    assert life["renew"].returncode == 0, life["renew"].stderr
    assert (machine.folder / "second" / "cert.pem").read_bytes() != (machine.folder / "first" / "cert.pem").read_bytes()
    assert machine.verifies("second/cert.pem", untrusted="second/chain.pem")


def test_a_name_is_proved_in_a_tls_handshake(life: Steps) -> None:
    assert life["tls"].returncode == 0, life["tls"].stderr
    assert "tls-alpn-01" in life["tls"].stderr


def test_a_wildcard_is_proved_in_the_dns(life: Steps) -> None:
    assert life["dns"].returncode == 0, life["dns"].stderr


def test_it_revokes_with_the_reason_that_was_given(life: Steps, house: House) -> None:
    assert life["revoke"].returncode == 0, life["revoke"].stderr

    assert sorted(one["reason"] or "" for one in house.certificates("shop")) == ["", "", "", "superseded"]
