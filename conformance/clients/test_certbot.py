"""certbot gets, renews and revokes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conformance import pkilint
from conformance.clients.certbot import Certbot
from conformance.house import House, must, run
from conformance.openssl import fetch_crl, subject_of, verifies

_CRL_SECONDS = 60


@pytest.fixture
def certbot(house: House, tmp_path: Path) -> Certbot:
    return Certbot(house, tmp_path / "certbot")


def test_a_vetted_name_needs_no_challenge(house: House, certbot: Certbot) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,O=Example,C=TW", "--dns", "shop.example")

    done = certbot.certonly("shop.example", sheet)

    assert done.returncode == 0, done.stderr
    assert verifies(house, certbot.live("shop.example"), untrusted=certbot.live("shop.example", "chain.pem"))
    assert pkilint.certificate_errors(certbot.live("shop.example")) == ""


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        ("CN=shop.example,O=商店股份有限公司,C=TW", "CN=shop.example,O=商店股份有限公司,C=TW"),
        # certbot takes a common name for a name, and would order it when it renews.
        ("CN=Shop,O=商店股份有限公司,C=TW", "O=商店股份有限公司,C=TW"),
        ("CN=Shop", ""),
    ],
)
def test_the_subject_is_the_registered_one_less_a_common_name_that_is_no_name(
    house: House, certbot: Certbot, registered: str, expected: str
) -> None:
    sheet = house.register("--kind", "organization", "--subject", registered, "--dns", "shop.example")

    certbot.certonly("shop.example", sheet)

    assert subject_of(certbot.live("shop.example")) == expected
    assert verifies(house, certbot.live("shop.example"), untrusted=certbot.live("shop.example", "chain.pem"))


def test_a_challenged_name_is_proved_over_http_01(house: House, certbot: Certbot) -> None:
    sheet = house.register(
        "--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "proved.localhost", "--challenged"
    )

    done = certbot.certonly("proved.localhost", sheet)

    assert done.returncode == 0, done.stderr
    assert verifies(house, certbot.live("proved.localhost"), untrusted=certbot.live("proved.localhost", "chain.pem"))


def test_a_name_that_is_not_registered_is_refused_with_what_to_do(house: House, certbot: Certbot) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")

    done = certbot.certonly("bank.example", sheet)

    assert done.returncode != 0
    assert "bank.example is not registered for this account" in done.stderr + done.stdout


def test_renewing_before_the_window_says_when_it_opens(house: House, certbot: Certbot) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")
    certbot.certonly("shop.example", sheet)

    done = certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")

    assert done.returncode != 0
    assert "the renewal window opens on 20" in done.stderr + done.stdout


def test_renewing_inside_the_window_brings_a_new_certificate(house: House, certbot: Certbot) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")
    certbot.certonly("shop.example", sheet)
    first = certbot.live("shop.example").read_text()
    house.move_clock(days=61)

    done = certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")

    assert done.returncode == 0, done.stderr
    assert certbot.live("shop.example").read_text() != first
    assert len(house.certificates(sheet["account"])) == 2


@pytest.mark.parametrize("with_key", [False, True], ids=["by account", "by certificate key"])
def test_a_revoked_certificate_is_refused_by_crl_check(house: House, certbot: Certbot, *, with_key: bool) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")
    certbot.certonly("shop.example", sheet)
    certificate, chain = certbot.live("shop.example"), certbot.live("shop.example", "chain.pem")
    assert verifies(house, certificate, untrusted=chain, crl=fetch_crl(house))
    proof = ["--key-path", str(certbot.live("shop.example", "privkey.pem"))] if with_key else []

    done = certbot(
        "revoke", "--cert-path", str(certificate), *proof, "--reason", "superseded", "--no-delete-after-revoke"
    )

    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + _CRL_SECONDS
    while verifies(house, certificate, untrusted=chain, crl=fetch_crl(house)):
        assert time.monotonic() < deadline, "the CRL did not follow within a minute"
        time.sleep(0.5)
    assert house.certificates(sheet["account"])[0]["reason"] == "superseded"


def test_a_suspended_registration_gets_nothing(house: House, certbot: Certbot) -> None:
    sheet = house.register(
        "--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "a.example", "--dns", "b.example"
    )
    certbot.certonly("a.example", sheet)
    house.command("suspend", sheet["account"])

    done = certbot.certonly("b.example", sheet)

    assert done.returncode != 0
    assert "suspended" in done.stderr + done.stdout


def test_an_account_can_be_deactivated(house: House, certbot: Certbot) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")
    certbot.certonly("shop.example", sheet)

    done = certbot("unregister")

    assert done.returncode == 0, done.stderr


def test_openssl_reads_every_certificate_that_certbot_got(house: House, certbot: Certbot) -> None:
    sheet = house.register("--kind", "organization", "--subject", "CN=Shop,C=TW", "--dns", "shop.example")
    certbot.certonly("shop.example", sheet)

    text = must("openssl", "x509", "-in", certbot.live("shop.example"), "-noout", "-text")

    assert "TLS Web Server Authentication" in text
    assert "CA:FALSE" in text
    assert f"{house.repository}/crl/" in text
    assert (
        run("openssl", "x509", "-in", certbot.live("shop.example"), "-noout", "-checkhost", "shop.example").returncode
        == 0
    )
