from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID
from pkilint import report

from ca_core import der, names
from ca_core.applicant import Door
from ca_core.errors import Misconfigured
from ca_core.issuance import rules
from ca_core.issuance.authorities import IssuingCa
from ca_core.issuance.lint import LintFailed, lint
from ca_core.issuance.linter import Linter
from ca_core.issuance.plan import Plan
from ca_core.issuance.sample import prove_sample, sample_key
from ca_core.issuance.shape import Shape, shape_of
from ca_core.names import Identifier
from ca_core.policy.key_types import FAMILIES, key_name
from ca_core.policy.profile import BUILT_IN, DEVICE, SIGNING, TLS_SERVER, Profile, Usage
from ca_core.policy.subject import KEYWORDS, subject_der
from ca_core.signing.software import KeyKind, PublicKey
from tests.builders import csr
from tests.builders.authority import NOW, House, house

EVERY_KIND_OF_NAME = (
    names.dns("a.example"),
    names.dns("*.a.example"),
    names.ip("192.0.2.1"),
    names.ip("2001:db8::1"),
    names.email("a.person@example.com"),
    names.uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    names.permanent("serial-7"),
)
SUBJECTS = (
    csr.SUBJECT,
    "CN=a.example",
    "CN=person,emailAddress=a.person@example.com,O=Example,C=TW",
    "UID=7,CN=\u738b\u5c0f\u660e,OU=\u7814\u767c,O=\u53f0\u7063,L=\u53f0\u5317,ST=TW,C=TW",
    "serialNumber=12345678,GN=A,SN=Person,title=Head,postalCode=100,STREET=1 Road,DC=example,DC=com",
    "businessCategory=Private,organizationIdentifier=TW-12345678,O=A &amp\\; B,C=XX",
)


class Watching(Linter):
    """Remembers which shapes it was shown, and lints them."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[Shape] = []

    @property
    def subjects(self) -> list[tuple[str, ...]]:
        return [shape.subject for shape in self.shapes]

    async def require(self, shape: Shape, tbs: bytes, ca_key: PublicKey) -> None:
        self.shapes.append(shape)
        await super().require(shape, tbs, ca_key)


def subject(text: str) -> bytes:
    return subject_der(text) if text else der.EMPTY_SEQUENCE


def planned(
    profile: Profile, *granted: Identifier, key: csr.Key | None = None, text: str = csr.SUBJECT, at: House | None = None
) -> tuple[Plan, Shape]:
    """A certificate as the issuer would sign it, and its shape."""
    key = key or csr.ec_key()
    at = at or house()
    plan = at.plan(profile, frozenset(granted), key=key, subject=subject(text))
    read = lint(
        plan.tbs,
        issuer=at.issuer,
        algorithm=at.key.algorithm,
        profile=profile,
        subject_der=subject(text),
        names=frozenset(granted),
        spki=csr.spki(key),
        now=NOW,
    )
    shape = shape_of(
        read,
        profile=profile,
        issuer_der=at.issuer.subject_der,
        algorithm=at.key.algorithm,
        names=frozenset(granted),
        spki=csr.spki(key),
    )
    return plan, shape


def of_kinds(profile: Profile) -> Iterable[Identifier]:
    return (name for name in EVERY_KIND_OF_NAME if name.kind in profile.name_kinds)


@pytest.mark.parametrize("profile", BUILT_IN.values(), ids=BUILT_IN)
@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
async def test_every_profile_passes_under_every_kind_of_ca(kind: KeyKind, profile: Profile) -> None:
    at = house(kind)
    for text in SUBJECTS:
        plan, shape = planned(profile, *of_kinds(profile), text=text, at=at)

        await Linter().require(shape, plan.tbs, at.key.public_key)


@pytest.mark.parametrize("profile", [profile for profile in BUILT_IN.values() if profile.name_kinds])
async def test_a_certificate_without_a_subject_passes(profile: Profile) -> None:
    plan, shape = planned(profile, *of_kinds(profile), text="")

    await Linter().require(shape, plan.tbs, house().key.public_key)


@pytest.mark.parametrize(
    "key", [csr.rsa_key(), csr.ec_key("secp384r1"), csr.ec_key("secp521r1"), csr.ed25519_key(), csr.ml_dsa_key(87)]
)
@pytest.mark.parametrize("profile", [TLS_SERVER, DEVICE, SIGNING])
async def test_every_kind_of_key_passes(profile: Profile, key: csr.Key) -> None:
    plan, shape = planned(profile, *of_kinds(profile), key=key)

    await Linter().require(shape, plan.tbs, house().key.public_key)


VARIANTS = {
    "policies": {"policies": ("1.3.6.1.4.1.99999.1", "2.5.29.32.0"), "cps_url": "https://pki.example/cps"},
    "http cps": {"policies": ("1.3.6.1.4.1.99999.1",), "cps_url": "http://pki.example/cps"},
    "stapled": {"must_staple": True},
    "short-lived": {"validity_seconds": 3600, "no_rev_avail": True, "ocsp": False, "crl": False},
    "no pointers": {"ca_issuers": False, "ocsp": False},
    "ten years": {"validity_seconds": 9 * 365 * 86_400},
    "every name": {"name_kinds": frozenset(names.Kind)},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("profile", [TLS_SERVER, DEVICE])
async def test_what_settings_allow_passes(profile: Profile, changes: dict[str, object]) -> None:
    changed = msgspec.structs.replace(profile, **changes)
    plan, shape = planned(changed, *of_kinds(changed))

    await Linter().require(shape, plan.tbs, house().key.public_key)


# -- What does not pass ------------------------------------------------------------------------------------


def broken(plan: Plan, old: bytes, new: bytes) -> bytes:
    assert plan.tbs.count(old) == 1
    assert len(old) == len(new)
    return plan.tbs.replace(old, new)


# keyUsage, critical, one bit of digitalSignature; basicConstraints, critical, empty.
KEY_USAGE = bytes.fromhex("0603551d0f0101ff040403020780")
KEY_CERT_SIGN = bytes.fromhex("0603551d0f0101ff040403020204")
NO_USAGE = bytes.fromhex("0603551d0f0101ff040403020700")
NOT_CRITICAL = bytes.fromhex("0603551d0f010100040403020780")


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (KEY_CERT_SIGN, "pkix.ee_certificate_keycertsign_keyusage_set"),
        (NO_USAGE, "itu.invalid_asn1_syntax"),
        (NOT_CRITICAL, "cannot be read"),
    ],
)
async def test_a_finding_of_severity_error_stops_the_signature(new: bytes, code: str) -> None:
    plan, shape = planned(TLS_SERVER, names.dns("a.example"))

    with pytest.raises(LintFailed, match=code):
        await Linter().require(shape, broken(plan, KEY_USAGE, new), house().key.public_key)


async def test_a_shape_that_did_not_pass_is_not_remembered() -> None:
    linter = Linter()
    plan, shape = planned(TLS_SERVER, names.dns("a.example"))

    for _ in range(2):
        with pytest.raises(LintFailed):
            await linter.require(shape, broken(plan, KEY_USAGE, NO_USAGE), house().key.public_key)
    await linter.require(shape, plan.tbs, house().key.public_key)


def test_what_is_ignored_are_findings_that_there_are() -> None:
    known = {
        finding.code
        for for_tls_servers in (True, False)
        for finding in report.get_included_validations(rules._validators(for_tls_servers=for_tls_servers))
    }
    ignored = [code for codes in (*rules.IGNORED.values(), *rules.IGNORED_IN_NAMES.values()) for code in codes]

    assert set(ignored) <= known
    assert len(set(ignored)) == len(ignored)


# -- Once for each shape -----------------------------------------------------------------------------------


async def test_a_shape_is_linted_once_and_then_costs_nothing() -> None:
    linter = Linter()
    plan, shape = planned(TLS_SERVER, names.dns("a.example"))
    await linter.require(shape, plan.tbs, house().key.public_key)

    _, again = planned(TLS_SERVER, names.dns("b.example"), names.dns("c.example"))
    started = time.process_time()
    for _ in range(100):
        # These bytes would not pass: nobody looks at them.
        await linter.require(again, b"", house().key.public_key)

    assert (time.process_time() - started) / 100 < 0.0001


async def test_many_first_requests_of_one_shape_wait_for_one_lint() -> None:
    linter = Linter()
    plan, shape = planned(TLS_SERVER, names.dns("a.example"))
    first = asyncio.create_task(linter.require(shape, plan.tbs, house().key.public_key))
    await asyncio.sleep(0)

    await asyncio.gather(first, *(linter.require(shape, b"", house().key.public_key) for _ in range(20)))


def different() -> list[Shape]:
    longer = msgspec.structs.replace(TLS_SERVER, validity_seconds=3600)
    a, ip = names.dns("a.example"), names.ip("192.0.2.1")
    return [
        planned(TLS_SERVER, a)[1],
        planned(longer, a)[1],
        planned(TLS_SERVER, ip)[1],
        planned(TLS_SERVER, a, ip)[1],
        planned(TLS_SERVER, a, key=csr.rsa_key())[1],
        planned(TLS_SERVER, a, key=csr.ec_key("secp384r1"))[1],
        planned(TLS_SERVER, a, text="CN=a.example")[1],
        planned(TLS_SERVER, a, text="")[1],
        planned(TLS_SERVER, a, at=house("rsa-2048"))[1],
    ]


def test_whatever_a_verdict_depends_on_makes_another_shape() -> None:
    assert len(set(different())) == 9
    assert planned(TLS_SERVER, names.dns("b.example"), text="CN=b.example")[1] == different()[6]


async def test_so_many_shapes_are_remembered_and_the_oldest_is_forgotten() -> None:
    linter = Linter(most=2)
    plan, first = planned(TLS_SERVER, names.dns("a.example"))
    for shape in different()[:3]:
        await linter.require(shape, plan.tbs, house().key.public_key)

    with pytest.raises(LintFailed, match="cannot be read"):
        await linter.require(first, b"\x30\x00", house().key.public_key)


async def test_the_event_loop_goes_on_while_a_new_shape_is_linted() -> None:
    linter = Linter()
    await linter.prepare()
    plan, shape = planned(TLS_SERVER, names.dns("a.example"))
    task = asyncio.create_task(linter.require(shape, plan.tbs, house().key.public_key))
    waits = []

    while not task.done():
        started = time.perf_counter()
        await asyncio.sleep(0)
        waits.append(time.perf_counter() - started)

    await task
    # On a machine of its own the longest is below 1 ms; here others compute too, so the usual one is looked at.
    assert sorted(waits)[len(waits) // 2] < 0.002


@pytest.mark.parametrize("profile", BUILT_IN.values(), ids=BUILT_IN)
async def test_a_sample_of_every_profile_is_sound(profile: Profile) -> None:
    await prove_sample(profile, IssuingCa(house().issuer, house().key), Linter(), now=NOW)


async def test_a_profile_that_makes_unsound_certificates_is_named_before_anybody_asks() -> None:
    agreeing = msgspec.structs.replace(TLS_SERVER, ec_usage=frozenset({Usage.CONTENT_COMMITMENT}))

    with pytest.raises(Misconfigured, match=r"^profiles\.tls-server makes .* cabf\.serverauth"):
        await prove_sample(agreeing, IssuingCa(house().issuer, house().key), Linter(), now=NOW)


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_sample_has_the_key_that_the_profile_certifies(name: str) -> None:
    one_only = msgspec.structs.replace(TLS_SERVER, key_types=frozenset({name}))

    assert key_name(sample_key(one_only)) == name
    await prove_sample(one_only, IssuingCa(house().issuer, house().key), Linter(), now=NOW)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "ec-p256"),
        ({"key_types": frozenset({"rsa-2048", "ml-dsa-65"})}, "ml-dsa-65"),
        ({"key_types": frozenset({"rsa-4096", "rsa-3072"})}, "rsa-3072"),
        ({"ec_usage": frozenset()}, "rsa-2048"),
        ({"ec_usage": frozenset(), "key_types": frozenset({"rsa-3072"})}, "rsa-3072"),
    ],
)
def test_a_sample_has_an_rsa_key_only_where_the_profile_certifies_nothing_else(
    changes: dict[str, Any], name: str
) -> None:
    assert key_name(sample_key(msgspec.structs.replace(DEVICE, **changes))) == name


@pytest.mark.parametrize("keyword", KEYWORDS)
async def test_a_sample_has_the_attributes_that_the_profile_takes(keyword: str) -> None:
    chosen = msgspec.structs.replace(DEVICE, subject=(keyword,), doors=frozenset({Door.EST}))
    seen = Watching()

    await prove_sample(chosen, IssuingCa(house().issuer, house().key), seen, now=NOW)

    assert [set(subject) for subject in seen.subjects] == [{KEYWORDS[keyword].dotted_string}]


async def test_a_sample_without_a_subject_has_a_critical_subject_alternative_name() -> None:
    nameless = msgspec.structs.replace(TLS_SERVER, subject=())
    seen = Watching()

    await prove_sample(nameless, IssuingCa(house().issuer, house().key), seen, now=NOW)

    assert seen.subjects == [()]
    assert (ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string, True) in seen.shapes[0].extensions


async def test_a_sample_is_taken_of_what_each_door_leaves_of_the_subject() -> None:
    common_name_only = msgspec.structs.replace(TLS_SERVER, subject=("CN",))
    seen = Watching()

    await prove_sample(common_name_only, IssuingCa(house().issuer, house().key), seen, now=NOW)

    # ACME leaves a common name out that is none of the certificate's names.
    assert sorted(seen.subjects) == [(), (NameOID.COMMON_NAME.dotted_string,)]


async def test_what_nothing_would_name_is_no_sample() -> None:
    nothing = msgspec.structs.replace(SIGNING, subject=("CN",), name_kinds=frozenset(), doors=frozenset({Door.ACME}))
    seen = Watching()

    await prove_sample(nothing, IssuingCa(house().issuer, house().key), seen, now=NOW)

    assert seen.shapes == []


@pytest.mark.parametrize("kind", ["ec-p256", "rsa-2048", "ml-dsa-65"])
def test_ca_certificates_have_no_finding(kind: KeyKind) -> None:
    authority = house(kind).authority

    for certificate in (authority.root, authority.issuing):
        assert rules.errors(certificate.public_bytes(Encoding.DER), for_tls_servers=False) == []
