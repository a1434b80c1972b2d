from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import der, names
from ca_core.errors import Misconfigured
from ca_core.identity import new_serial
from ca_core.issuance.plan import key_identifier, tbs_certificate
from ca_core.policy import profile as profiles
from ca_core.policy.profile import Profile
from ca_core.policy.request import names_of, parse
from ca_core.policy.subject import subject_der
from ca_core.signing.software import KeyKind
from tests.builders.authority import CA_URL, CRL_URL, NOW, OCSP_URL, PASSPHRASE, house, pem
from tests.builders.csr import SUBJECT, Key, csr, ec_key, ed25519_key, rsa_key, spki

CHINESE = "CN=陳怡如,O=臺灣網路認證股份有限公司,C=TW"
WWW = frozenset({names.dns("www.example.com"), names.dns("*.example.com"), names.ip("2001:db8::7")})
DEVICE = frozenset({names.dns("d7.example.com"), names.uri("urn:dev:ow:10e2073a"), names.permanent("SN-0042")})
MAIL = frozenset({names.email("yiru@example.com")})


def openssl(*arguments: str, stdin: bytes) -> str:
    return subprocess.run(["openssl", *arguments], input=stdin, check=True, capture_output=True).stdout.decode()


@pytest.mark.parametrize("subject", [SUBJECT, CHINESE])
async def test_the_registered_subject_is_used_byte_for_byte(subject: str) -> None:
    registered = subject_der(subject)

    plan = house().plan(profiles.DEVICE, DEVICE, subject=registered)

    certificate = x509.load_der_x509_certificate(await house().signed(plan.tbs))
    assert registered in plan.tbs
    assert certificate.subject.public_bytes() == registered
    assert certificate.subject.rfc4514_string() == subject


async def test_what_is_planned_is_what_cryptography_reads() -> None:
    plan = house().plan(profiles.TLS_SERVER, WWW)

    certificate = x509.load_der_x509_certificate(await house().signed(plan.tbs))

    certificate.verify_directly_issued_by(house().authority.issuing)
    assert certificate.tbs_certificate_bytes == plan.tbs
    assert certificate.not_valid_before_utc.timestamp() == plan.not_before
    assert certificate.not_valid_after_utc.timestamp() == plan.not_after


@pytest.mark.parametrize(
    ("profile", "granted"),
    [
        (profiles.TLS_SERVER, WWW),
        (profiles.DEVICE, DEVICE),
        (profiles.SIGNING, MAIL),
        (profiles.ENCRYPTION, frozenset()),
        (profiles.OWN_TLS, WWW),
    ],
)
async def test_names_come_out_as_they_were_granted(profile: Profile, granted: frozenset[names.Identifier]) -> None:
    plan = house().plan(profile, granted)

    assert names_of(x509.load_der_x509_certificate(await house().signed(plan.tbs))) == granted


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
async def test_openssl_verifies_the_chain(kind: KeyKind, tmp_path: Path) -> None:
    made = house(kind)
    plan = made.plan(profiles.TLS_SERVER, WWW)
    leaf = x509.load_der_x509_certificate(await made.signed(plan.tbs))
    for name, certificate in {
        "root": made.authority.root,
        "ca": made.authority.issuing,
        "leaf": leaf,
    }.items():
        (tmp_path / f"{name}.pem").write_bytes(pem(certificate))

    verdict = openssl(
        *("verify", "-x509_strict", "-attime", str(NOW), "-purpose", "sslserver"),
        *("-verify_hostname", "a.example.com", "-CAfile", str(tmp_path / "root.pem")),
        *("-untrusted", str(tmp_path / "ca.pem"), str(tmp_path / "leaf.pem")),
        stdin=b"",
    )

    assert verdict.endswith("leaf.pem: OK\n")


async def test_openssl_shows_every_field() -> None:
    plan = house().plan(profiles.TLS_SERVER, WWW, key=rsa_key())

    text = openssl("x509", "-inform", "DER", "-noout", "-text", stdin=await house().signed(plan.tbs))

    assert "Version: 3" in text
    assert "Basic Constraints: critical\n                CA:FALSE" in text
    assert "Key Usage: critical\n                Digital Signature, Key Encipherment\n" in text
    assert "Extended Key Usage: \n                TLS Web Server Authentication\n" in text
    assert "DNS:*.example.com, DNS:www.example.com, IP Address:2001:DB8:0:0:0:0:0:7" in text
    assert f"URI:{CRL_URL}" in text
    assert f"CA Issuers - URI:{CA_URL}" in text
    assert f"OCSP - URI:{OCSP_URL}" in text


async def test_names_are_critical_only_where_nothing_else_names_the_subject() -> None:
    named = house().plan(profiles.DEVICE, DEVICE)
    nameless = house().plan(profiles.DEVICE, DEVICE, subject=der.EMPTY_SEQUENCE)

    critical = [
        x509.load_der_x509_certificate(await house().signed(plan.tbs))
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .critical
        for plan in (named, nameless)
    ]

    assert critical == [False, True]


@pytest.mark.parametrize("key", [ec_key(), rsa_key(), ed25519_key()])
async def test_the_key_is_the_requests(key: Key) -> None:
    plan = house().plan(profiles.DEVICE, DEVICE, key=key)

    assert parse(csr(key)).spki == der.spki_of(plan.tbs) == spki(key)


def test_a_key_identifier_is_the_truncated_sha_256_of_the_key() -> None:
    # RFC 7093, 2, method 1, over the octets behind the header of a P-256 key.
    point = spki(ec_key())[26:]
    digest = openssl("dgst", "-sha256", stdin=point).split()[-1]

    assert key_identifier(spki(ec_key())).hex() == digest[:40]


# -- Validity --------------------------------------------------------------------------------------------


def test_a_certificate_is_backdated_for_slow_clocks() -> None:
    plan = house().plan(profiles.TLS_SERVER, WWW)

    assert (plan.not_before, plan.not_after) == (NOW - 300, NOW - 300 + 90 * 86_400)


def test_a_short_lived_certificate_is_backdated_by_a_small_share() -> None:
    profile = msgspec.structs.replace(profiles.TLS_SERVER, validity_seconds=100)

    plan = house().plan(profile, WWW)

    assert (plan.not_before, plan.not_after) == (NOW - 5, NOW + 95)


def test_a_certificate_never_outlives_its_issuer() -> None:
    issuer = house().issuer

    plan = house().plan(profiles.TLS_SERVER, WWW, now=issuer.not_after - 3600)

    assert plan.not_after == issuer.not_after


def test_an_expired_issuer_issues_nothing() -> None:
    with pytest.raises(Misconfigured, match="has expired; rotate"):
        house().plan(profiles.TLS_SERVER, WWW, now=house().issuer.not_after)


def test_dates_from_2050_on_are_generalized() -> None:
    issuer = msgspec.structs.replace(house().issuer, not_after=4_000_000_000)

    plan = tbs_certificate(
        issuer=issuer,
        algorithm=house().key.algorithm,
        profile=profiles.TLS_SERVER,
        subject_der=der.EMPTY_SEQUENCE,
        names=WWW,
        spki=spki(ec_key()),
        serial=new_serial(),
        now=2_524_608_000 - 86_400,
    )

    certificate = x509.load_der_x509_certificate(der.assemble(plan.tbs, house().key.algorithm, b"\0"))
    assert b"\x18\x0f2050" in plan.tbs
    assert certificate.not_valid_after_utc.timestamp() == plan.not_after


def test_the_ceremony_keeps_its_passphrase_to_itself() -> None:
    for file in house().folder.iterdir():
        assert PASSPHRASE not in file.read_bytes()


# -- What a profile adds and leaves out ---------------------------------------------------------------------

SHORT = msgspec.structs.replace(
    profiles.TLS_SERVER, validity_seconds=86_400, no_rev_avail=True, crl=False, ocsp=False, name="short"
)
STAPLED = msgspec.structs.replace(profiles.TLS_SERVER, must_staple=True, name="stapled")
STATED = msgspec.structs.replace(
    profiles.DEVICE, policies=("1.3.6.1.4.1.99999.1.2",), cps_url="https://ca.example/cps", name="stated"
)


async def shown(profile: Profile, granted: frozenset[names.Identifier]) -> str:
    return openssl(
        *("x509", "-inform", "DER", "-noout", "-text"),
        stdin=await house().signed(house().plan(profile, granted).tbs),
    )


async def test_what_nobody_is_told_the_revocation_of_names_no_place_that_would() -> None:
    text = await shown(SHORT, WWW)

    assert "2.5.29.56: \n                ..\n" in text or "No Revocation Available" in text
    assert "CRL" not in text
    assert "OCSP" not in text
    assert f"CA Issuers - URI:{CA_URL}" in text


async def test_must_staple_is_the_tls_feature_status_request() -> None:
    assert "TLS Feature: \n                status_request\n" in await shown(STAPLED, WWW)


async def test_policies_carry_the_address_of_the_practice_statement() -> None:
    text = await shown(STATED, DEVICE)

    assert "Policy: 1.3.6.1.4.1.99999.1.2\n                  CPS: https://ca.example/cps\n" in text


async def test_policies_need_no_practice_statement() -> None:
    text = await shown(msgspec.structs.replace(STATED, cps_url=""), DEVICE)

    assert "Policy: 1.3.6.1.4.1.99999.1.2\n" in text
    assert "CPS" not in text


async def test_a_responders_certificate_signs_ocsp_answers_and_is_not_asked_about() -> None:
    text = await shown(profiles.OCSP_RESPONDER, frozenset())

    assert "Extended Key Usage: \n                OCSP Signing\n" in text
    assert "OCSP No Check" in text
    assert "Authority Information Access" not in text
    assert "CRL Distribution" not in text


async def test_the_crls_address_may_be_a_certificates_own() -> None:
    plan = house().plan(profiles.DEVICE, DEVICE, crl_url="http://ca.example/crl/issuing.7.crl")

    text = openssl("x509", "-inform", "DER", "-noout", "-text", stdin=await house().signed(plan.tbs))

    assert "URI:http://ca.example/crl/issuing.7.crl" in text
    assert CRL_URL not in text
