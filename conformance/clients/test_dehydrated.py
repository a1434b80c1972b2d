"""dehydrated gets, renews and revokes, by the command lines of our guide."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from conformance.clients.machine import Machine, house_of_the_past, web_server
from conformance.clients.zone import dns_commands
from conformance.dns import Responder
from conformance.house import House, must

NAME, TLS, WILD = "hydra.localhost", "tls.example", "wild.example"

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
        *("--dns", NAME, "--dns", TLS, "--dns", WILD, "--dns", f"*.{WILD}", "--challenged"),
    )
    return Machine(house, tmp_path_factory.mktemp("machine"), sheet, NAME=NAME)


@pytest.fixture(scope="module")
def life(house: House, machine: Machine, responder: Responder) -> Steps:
    """What became of each command, from the past until today."""
    done: Steps = {"config": machine.paste("dehydrated config"), "register": machine.paste("dehydrated register")}
    with web_server(machine.webroot, house.http_01_port):
        done["issue"] = machine.paste("dehydrated issue")
        machine.shell(f"cp dehydrated/certs/{NAME}/fullchain.pem first.pem")
        done["too early"] = machine.shell(f"dehydrated --config dehydrated/config --cron --force --domain {NAME}")
        house.move_clock(days=0)
        done["renew"] = machine.paste("dehydrated issue")
    machine.shell(f"cp dehydrated/certs/{NAME}/fullchain.pem second.pem")
    with dns_commands(machine, responder):
        done["dns"] = machine.paste("dehydrated dns", NAME=WILD)
    done["tls"] = machine.paste("dehydrated tls", NAME=TLS)
    done["revoke"] = machine.paste("dehydrated revoke")
    done["account"] = machine.paste("dehydrated account")
    done["deactivate"] = machine.paste("dehydrated deactivate")
    return done


def test_it_registers_with_an_eab_key_and_proves_a_name_by_a_file(life: Steps, machine: Machine) -> None:
    for step in ("config", "register", "issue"):
        assert life[step].returncode == 0, life[step].stderr
    assert machine.verifies("first.pem", untrusted="first.pem")


def test_its_p_384_key_is_certified(life: Steps, machine: Machine) -> None:
    text = must("openssl", "x509", "-in", machine.folder / "first.pem", "-noout", "-text")

    assert "NIST CURVE: P-384" in text


def test_before_the_window_it_is_told_when_that_opens(life: Steps) -> None:
    assert life["too early"].returncode != 0
    assert "the renewal window opens on 20" in life["too early"].stderr


def test_inside_the_window_it_renews_by_itself(life: Steps, machine: Machine) -> None:
    assert life["renew"].returncode == 0, life["renew"].stderr
    assert (machine.folder / "second.pem").read_bytes() != (machine.folder / "first.pem").read_bytes()
    assert machine.verifies("second.pem", untrusted="second.pem")


def test_a_wildcard_is_proved_in_the_dns_by_a_hook(life: Steps, machine: Machine) -> None:
    assert life["dns"].returncode == 0, life["dns"].stderr

    text = must("openssl", "x509", "-in", machine.folder / "dehydrated/certs/wildcard/cert.pem", "-noout", "-text")

    assert f"DNS:*.{WILD}, DNS:{WILD}" in text


def test_a_name_is_proved_by_a_certificate_that_openssl_made_and_serves(life: Steps, machine: Machine) -> None:
    assert life["tls"].returncode == 0, life["tls"].stderr

    assert machine.verifies(f"dehydrated/certs/{TLS}/fullchain.pem", untrusted=f"dehydrated/certs/{TLS}/fullchain.pem")


def test_it_revokes(life: Steps, house: House) -> None:
    assert life["revoke"].returncode == 0, life["revoke"].stderr

    assert sorted(one["reason"] or "" for one in house.certificates("shop")) == ["", "", "", "unspecified"]


def test_its_contacts_are_changed_and_its_account_ends(life: Steps) -> None:
    for step in ("account", "deactivate"):
        assert life[step].returncode == 0, life[step].stderr
