"""certbot gets, renews and revokes, by the command lines of our guide."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from conformance import pkilint
from conformance.acme import Client
from conformance.clients.certbot import at_home
from conformance.clients.machine import Machine, house_of_the_past, web_server
from conformance.clients.zone import dns_commands
from conformance.dns import Responder
from conformance.house import House, must
from conformance.openssl import fetch_crl, subject_of, verifies

_CRL_SECONDS = 60
NAME, SECOND, THIRD, WILD = "shop.localhost", "office.localhost", "third.localhost", "wild.example"
ADDRESS, PROFILE = "127.0.0.1", "short"
_AGE_DAYS = 81  # the time that ARI suggests is over, whichever slice of the window it is
# certbot alone would renew from two thirds of the life on; ARI spreads what is due from then on over weeks.
_JUST_DUE_DAYS = 60 + 1 / 1440
_SETTINGS = (f"profiles.{PROFILE}.based_on=tls-server", f"profiles.{PROFILE}.validity_days=7")

Steps = dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def house(responder: Responder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    resolver = f'acme.resolvers=["{responder.address}"]'
    with house_of_the_past(tmp_path_factory.mktemp("house"), resolver, *_SETTINGS, days=_AGE_DAYS) as built:
        built.start()
        yield built


@pytest.fixture(scope="module")
def machine(house: House, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Two names are to be proved; certbot keeps its files in the machine's home, which root has elsewhere."""
    sheet = house.register(
        *("--kind", "organization", "--subject", "CN=Shop,O=Example,C=TW", "--account", "shop"),
        *("--profile", "tls-server", "--profile", PROFILE),
        *(
            "--dns",
            NAME,
            "--dns",
            SECOND,
            "--dns",
            THIRD,
            "--dns",
            WILD,
            "--dns",
            f"*.{WILD}",
            "--ip",
            ADDRESS,
            "--challenged",
        ),
    )
    folder = tmp_path_factory.mktemp("machine")
    built = Machine(house, folder, sheet, NAME=NAME, LIVE=str(folder / "live"), PROFILE=PROFILE)
    at_home(folder, house)
    return built


@pytest.fixture(scope="module")
def life(house: House, machine: Machine, responder: Responder) -> Steps:
    """What became of each command in the life of an account, from the past until today."""
    done: Steps = {}
    machine.paste_first("certbot trust")
    assert machine.paste("certbot settings").returncode == 0
    done["issue"] = machine.paste("certbot issue")
    done["files"] = machine.shell(f"mkdir first && cp live/{NAME}/*.pem first")
    with web_server(machine.webroot, house.http_01_port):
        done["webroot"] = machine.paste("certbot webroot", NAME=SECOND)
    done["revoke by key"] = machine.paste("certbot revoke by key", NAME=SECOND)
    done["too early"] = machine.shell("certbot renew --force-renewal")
    house.move_clock(days=-_JUST_DUE_DAYS)
    with dns_commands(machine, responder):
        done["dns"] = machine.paste("certbot dns", NAME=WILD)
    house.move_clock(days=0)
    done["renew"] = machine.paste("certbot renew")
    done["profile"] = machine.paste("certbot profile", NAME=THIRD)
    house.command("revoke", serial_of(machine.folder / "live" / THIRD / "cert.pem"), "--reason", "privilegeWithdrawn")
    done["renew what was revoked"] = machine.shell(f"certbot renew --cert-name {THIRD}")
    (account,) = machine.folder.glob("accounts/*/acme/directory/*")
    done["change key"] = machine.paste("certbot change key", ACCOUNT=str(account))
    done["update account"] = machine.paste("certbot update account", MAIL="new@example.com")
    done["revoke"] = machine.paste("certbot revoke")
    done["address"] = machine.paste("certbot address", ADDRESS=ADDRESS)
    done["not registered"] = machine.shell("certbot certonly --standalone -d bank.example")
    house.command("suspend", "shop")
    done["suspended"] = machine.shell("certbot certonly --standalone -d another.localhost")
    house.command("resume", "shop")
    done["unregister"] = machine.paste("certbot unregister")
    return done


@pytest.fixture(scope="module")
def today(house: House, life: Steps) -> House:
    """The house whose clock is right."""
    return house


def test_the_first_certificate_is_proved_over_http_01_by_certbots_own_server(life: Steps, machine: Machine) -> None:
    assert life["issue"].returncode == 0, life["issue"].stderr
    assert machine.verifies("first/cert.pem", untrusted="first/chain.pem")
    assert pkilint.certificate_errors(first(machine)) == ""


def test_openssl_reads_what_certbot_got(life: Steps, machine: Machine, house: House) -> None:
    certificate = first(machine)

    text = must("openssl", "x509", "-in", certificate, "-noout", "-text")

    assert "TLS Web Server Authentication" in text
    assert "CA:FALSE" in text
    assert f"{house.repository}/crl/" in text
    checked = ("-in", certificate, "-noout", "-checkhost", NAME)
    assert "does match certificate" in must("openssl", "x509", *checked)


def test_a_web_server_that_runs_serves_the_proof_too(life: Steps) -> None:
    assert life["webroot"].returncode == 0, life["webroot"].stderr


def test_a_wildcard_is_proved_in_the_dns(life: Steps, machine: Machine) -> None:
    assert life["dns"].returncode == 0, life["dns"].stderr

    text = must("openssl", "x509", "-in", machine.folder / f"live/wildcard.{WILD}/cert.pem", "-noout", "-text")

    assert f"DNS:*.{WILD}, DNS:{WILD}" in text


def test_renewing_before_the_window_says_when_it_opens(life: Steps) -> None:
    assert life["too early"].returncode != 0
    assert "the renewal window opens on 20" in life["too early"].stderr + life["too early"].stdout


def test_renewing_inside_the_window_brings_a_new_certificate(life: Steps, machine: Machine) -> None:
    assert life["renew"].returncode == 0, life["renew"].stderr
    assert (machine.folder / "live" / NAME / "cert.pem").read_bytes() != first(machine).read_bytes()
    assert machine.verifies(f"live/{NAME}/cert.pem", untrusted=f"live/{NAME}/chain.pem")


def test_what_ari_puts_off_is_not_renewed_yet(life: Steps) -> None:
    _, _, not_due = life["renew"].stdout.partition("not due for renewal yet")

    assert f"live/wildcard.{WILD}/fullchain.pem" in not_due


def test_what_the_registration_authority_revoked_is_replaced_at_once(life: Steps) -> None:
    assert life["renew what was revoked"].returncode == 0, life["renew what was revoked"].stderr
    assert "all renewals succeeded" in life["renew what was revoked"].stdout


def test_another_profile_and_another_kind_of_key_are_asked_for(life: Steps, machine: Machine) -> None:
    assert life["profile"].returncode == 0, life["profile"].stderr

    certificate = x509.load_pem_x509_certificate((machine.folder / "live" / THIRD / "cert.pem").read_bytes())

    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=7)
    assert isinstance(certificate.public_key(), rsa.RSAPublicKey)


def test_the_account_goes_on_with_another_key(life: Steps) -> None:
    assert life["change key"].returncode == 0, life["change key"].stderr


def test_contacts_are_changed(life: Steps) -> None:
    assert life["update account"].returncode == 0, life["update account"].stderr


def test_a_revoked_certificate_is_refused_by_crl_check(life: Steps, machine: Machine, house: House) -> None:
    assert life["revoke"].returncode == 0, life["revoke"].stderr
    certificate, chain = (machine.folder / "live" / NAME / file for file in ("cert.pem", "chain.pem"))

    deadline = time.monotonic() + _CRL_SECONDS
    while verifies(house, certificate, untrusted=chain, crl=fetch_crl(house)):
        assert time.monotonic() < deadline, "the CRL did not follow within a minute"
        time.sleep(0.5)


def test_each_certificate_is_revoked_for_the_reason_that_was_given(life: Steps, house: House) -> None:
    assert life["revoke by key"].returncode == 0, life["revoke by key"].stderr

    given = sorted(one["reason"] for one in house.certificates("shop") if one["reason"])
    assert given == ["keyCompromise", "privilegeWithdrawn", "superseded"]


def test_a_suspended_registration_gets_nothing(life: Steps) -> None:
    assert life["suspended"].returncode != 0
    assert "suspended" in life["suspended"].stderr + life["suspended"].stdout


def test_an_account_can_be_deactivated(life: Steps) -> None:
    assert life["unregister"].returncode == 0, life["unregister"].stderr


def test_a_name_that_is_not_registered_is_refused_with_what_to_do(life: Steps) -> None:
    assert life["not registered"].returncode != 0
    assert "bank.example is not registered for this account" in life["not registered"].stderr


def test_an_address_is_proved_as_a_name_is(life: Steps, machine: Machine) -> None:
    assert life["address"].returncode == 0, life["address"].stderr

    checked = ("-in", machine.folder / "live" / ADDRESS / "cert.pem", "-noout", "-checkip", ADDRESS)
    assert "does match certificate" in must("openssl", "x509", *checked)


@pytest.mark.parametrize(
    ("name", "registered", "expected"),
    [
        ("one.example", "CN=one.example,O=商店股份有限公司,C=TW", "CN=one.example,O=商店股份有限公司,C=TW"),
        # certbot takes a common name for a name, and would order it when it renews.
        ("two.example", "CN=Shop,O=商店股份有限公司,C=TW", "O=商店股份有限公司,C=TW"),
        ("three.example", "CN=Shop", ""),
    ],
)
def test_the_subject_is_the_registered_one_less_a_common_name_that_is_no_name(
    today: House, tmp_path: Path, name: str, registered: str, expected: str
) -> None:
    client, certificate = Client(today), tmp_path / "certificate.der"
    client.new_account(today.register("--kind", "organization", "--subject", registered, "--dns", name)["eab"])

    _, der = client.certificate(name)

    certificate.write_bytes(der)
    assert subject_of(certificate) == expected


def serial_of(certificate: Path) -> str:
    return must("openssl", "x509", "-in", certificate, "-noout", "-serial").strip().removeprefix("serial=").lower()


def first(machine: Machine) -> Path:
    return machine.folder / "first" / "cert.pem"
