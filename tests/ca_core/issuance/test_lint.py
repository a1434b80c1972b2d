from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, cast

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from ca_core import der, names
from ca_core.issuance import plan
from ca_core.issuance.chain import IssuerCertificate
from ca_core.issuance.lint import LintFailed, lint
from ca_core.names import Identifier
from ca_core.policy import profile as profiles
from ca_core.policy.profile import Profile, Usage
from ca_core.policy.subject import subject_der
from tests.builders.authority import NOW, house
from tests.builders.csr import SUBJECT, Key, ec_key, ed25519_key, rsa_key, spki

WWW = frozenset({names.dns("www.example.com")})
DEVICE = WWW | {names.ip("192.0.2.7"), names.uri("urn:x:y"), names.permanent("SN-0042")}
MAIL = frozenset({names.email("yiru@example.com")})


SHORT = msgspec.structs.replace(profiles.TLS_SERVER, validity_seconds=86_400, no_rev_avail=True, crl=False, ocsp=False)
STAPLED = msgspec.structs.replace(profiles.TLS_SERVER, must_staple=True)
STATED = msgspec.structs.replace(profiles.DEVICE, policies=("1.3.6.1.4.1.9.1", "2.999.1"), cps_url="https://ca.example")


class Granted(TypedDict):
    issuer: IssuerCertificate
    algorithm: bytes
    profile: Profile
    subject_der: bytes
    names: frozenset[Identifier]
    spki: bytes
    now: int


def granted(
    profile: Profile = profiles.TLS_SERVER, grant: frozenset[Identifier] = WWW, *, key: Key | None = None
) -> Granted:
    return Granted(
        issuer=house().issuer,
        algorithm=house().key.algorithm,
        profile=profile,
        subject_der=subject_der(SUBJECT),
        names=grant,
        spki=spki(key or ec_key()),
        now=NOW,
    )


def tbs(grant: Granted, *, serial: int = 1 << 158) -> bytes:
    return plan.tbs_certificate(**grant, serial=serial).tbs


def altered(change: Callable[[plan._TbsCertificate], None]) -> bytes:
    """A TBSCertificate that is planned well and then changed in one place."""
    planned = asn1.decode_der(plan._TbsCertificate, tbs(granted()))
    change(planned)
    return asn1.encode_der(planned)


def replaced(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    def change(planned: plan._TbsCertificate) -> None:
        others = [extension for extension in planned.extensions if extension.extn_id != value.oid]
        planned.extensions = [*others, der.extension(value, critical=critical)]

    return altered(change)


def without(oid: x509.ObjectIdentifier) -> bytes:
    def change(planned: plan._TbsCertificate) -> None:
        planned.extensions = [extension for extension in planned.extensions if extension.extn_id != oid]

    return altered(change)


@pytest.mark.parametrize("key", [ec_key(), rsa_key(), ed25519_key()])
@pytest.mark.parametrize(
    ("profile", "grant"),
    [
        (profiles.TLS_SERVER, WWW),
        (profiles.DEVICE, DEVICE),
        (profiles.DEVICE, frozenset()),
        (profiles.SIGNING, MAIL),
        (profiles.OWN_TLS, WWW),
        (profiles.OCSP_RESPONDER, frozenset()),
        (profiles.MESSAGE_SIGNER, frozenset()),
        (SHORT, WWW),
        (STAPLED, WWW),
        (STATED, WWW),
        (msgspec.structs.replace(STATED, cps_url="", ocsp=False, ca_issuers=False), WWW),
    ],
)
def test_what_is_planned_passes(profile: Profile, grant: frozenset[Identifier], key: Key) -> None:
    wish = granted(profile, grant, key=key)

    lint(tbs(wish), **wish)


def test_an_encryption_certificate_passes_for_keys_that_can() -> None:
    for key in (ec_key(), rsa_key()):
        wish = granted(profiles.ENCRYPTION, MAIL, key=key)
        lint(tbs(wish), **wish)


def test_an_encryption_certificate_for_a_signing_key_does_not_pass() -> None:
    wish = granted(profiles.ENCRYPTION, MAIL, key=ed25519_key())

    with pytest.raises(LintFailed, match="key usages"):
        lint(tbs(wish), **wish)


def test_a_certificate_finished_late_passes_while_it_is_valid() -> None:
    planned = tbs(granted())

    lint(planned, **changed("now", NOW + 80 * 86_400))
    with pytest.raises(LintFailed, match="not valid now"):
        lint(planned, **changed("now", NOW + 91 * 86_400))


def changed(name: str, value: object) -> Granted:
    return cast("Granted", {**granted(), name: value})


@pytest.mark.parametrize(
    ("grant", "finding"),
    [
        (changed("algorithm", der.ECDSA_SHA384), "signature algorithm"),
        (
            changed("issuer", msgspec.structs.replace(house().issuer, subject_der=subject_der("CN=x"))),
            "issuer",
        ),
        (changed("issuer", msgspec.structs.replace(house().issuer, not_after=NOW + 60)), "outlives"),
        (changed("issuer", msgspec.structs.replace(house().issuer, key_identifier=b"x")), "authorityKey"),
        (changed("issuer", msgspec.structs.replace(house().issuer, crl_url="http://x/")), "CRL"),
        (changed("issuer", msgspec.structs.replace(house().issuer, ca_url="http://x/")), "InformationAccess"),
        (changed("issuer", msgspec.structs.replace(house().issuer, ocsp_url="http://x/")), "InformationAccess"),
        (changed("issuer", msgspec.structs.replace(house().issuer, ocsp_url=None)), "InformationAccess"),
        (changed("profile", STAPLED), "extensions"),
        (changed("profile", msgspec.structs.replace(profiles.TLS_SERVER, crl=False)), "extensions"),
        (changed("profile", msgspec.structs.replace(profiles.TLS_SERVER, policies=("1.2.3",))), "extensions"),
        (changed("subject_der", subject_der("CN=x")), "subject"),
        (changed("subject_der", der.EMPTY_SEQUENCE), "subject"),
        (changed("spki", spki(rsa_key())), "another key"),
        (changed("names", frozenset({names.dns("other.example.com")})), "names"),
        (changed("names", WWW | {names.dns("other.example.com")}), "names"),
        (changed("names", frozenset()), "names"),
        (changed("profile", msgspec.structs.replace(profiles.TLS_SERVER, validity_seconds=60)), "longer"),
        (
            changed("profile", msgspec.structs.replace(profiles.TLS_SERVER, name_kinds=frozenset())),
            "kind of name",
        ),
        (
            changed("profile", msgspec.structs.replace(profiles.TLS_SERVER, ec_usage=frozenset(Usage))),
            "key usages",
        ),
        (changed("profile", profiles.DEVICE), "extended key usages"),
        (changed("now", NOW - 301), "not valid now"),
    ],
)
def test_a_certificate_for_another_grant_does_not_pass(grant: Granted, finding: str) -> None:
    with pytest.raises(LintFailed, match=finding):
        lint(tbs(granted()), **grant)


@pytest.mark.parametrize("serial", [0, 1, -1, -(1 << 158), 1 << 150, 1 << 159, 1 << 160])
def test_a_serial_is_positive_in_20_octets(serial: int) -> None:
    wish = granted()

    with pytest.raises(LintFailed, match="serial"):
        lint(tbs(wish, serial=serial), **wish)


def test_a_name_is_needed_where_the_profile_demands_one() -> None:
    wish = granted(grant=frozenset())

    with pytest.raises(LintFailed, match="demands one"):
        lint(tbs(wish), **wish)


def test_something_must_name_the_subject() -> None:
    wish: Granted = {**granted(profiles.DEVICE, frozenset()), "subject_der": der.EMPTY_SEQUENCE}

    with pytest.raises(LintFailed, match="neither a subject nor a name"):
        lint(tbs(wish), **wish)


SAN = x509.SubjectAlternativeName([x509.DNSName("www.example.com")])


USAGES = [
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
]


def usage(*bits: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{bit: bit in bits for bit in USAGES})


@pytest.mark.parametrize(
    "planned",
    [
        replaced(x509.BasicConstraints(ca=True, path_length=None), critical=True),
        replaced(x509.BasicConstraints(ca=False, path_length=None)),
        replaced(SAN, critical=True),
        replaced(x509.SubjectAlternativeName([x509.DNSName("WWW.example.com"), x509.DNSName("www.example.com")])),
        replaced(x509.SubjectAlternativeName([x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))])),
        replaced(x509.OCSPNoCheck()),
        replaced(x509.SubjectKeyIdentifier(bytes(20))),
        replaced(x509.SubjectKeyIdentifier(plan.key_identifier(spki(ec_key()))), critical=True),
        replaced(usage("digital_signature")),
        replaced(usage("digital_signature", "key_cert_sign"), critical=True),
        replaced(usage("digital_signature", "crl_sign"), critical=True),
        replaced(usage("digital_signature", "data_encipherment"), critical=True),
        replaced(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])),
        replaced(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH] * 2)),
        *[without(extension.extn_id) for extension in asn1.decode_der(plan._TbsCertificate, tbs(granted())).extensions],
        altered(lambda planned: planned.extensions.append(planned.extensions[0])),
        altered(lambda planned: setattr(planned, "version", 1)),
    ],
)
def test_one_change_is_found(planned: bytes) -> None:
    with pytest.raises(LintFailed):
        lint(planned, **granted())


def fixed(planned: bytes) -> list[bytes]:
    """What the grant fixes: not the serial, nor the dates within their bounds."""
    read = asn1.decode_der(plan._TbsCertificate, planned)
    members = [read.signature, read.issuer, read.subject, read.subject_public_key_info]
    return [asn1.encode_der(member) for member in (*members, *read.extensions)]


@given(st.integers(0, 2000), st.integers(0, 255))
def test_any_changed_octet_is_found_or_belongs_to_what_may_vary(position: int, value: int) -> None:
    data = bytearray(tbs(granted()))
    data[position % len(data)] = value

    try:
        lint(bytes(data), **granted())
    except LintFailed:
        return

    assert fixed(bytes(data)) == fixed(tbs(granted()))


def test_what_passed_for_one_grant_is_looked_at_anew_for_another() -> None:
    wish = granted(profiles.DEVICE, DEVICE)
    planned = tbs(wish)
    lint(planned, **wish)
    elsewhere = msgspec.structs.replace(wish["issuer"], ca_url="http://elsewhere.example/ca.cer")
    others: list[Granted] = [
        {**wish, "profile": msgspec.structs.replace(profiles.DEVICE, ocsp=False)},
        {**wish, "names": WWW},
        {**wish, "issuer": elsewhere},
    ]

    for other in others:
        with pytest.raises(LintFailed):
            lint(planned, **other)

    lint(planned, **wish)


def test_unused_bits_are_counted_as_they_are() -> None:
    # digitalSignature alone leaves seven bits unused, and cryptography reads it with none unused as well.
    spelled, respelled = b"\x03\x02\x07\x80", b"\x03\x02\x00\x80"
    assert tbs(granted()).count(spelled) == 1

    with pytest.raises(LintFailed, match="keyUsage is not in DER"):
        lint(tbs(granted()).replace(spelled, respelled), **granted())


def test_rubbish_is_a_finding() -> None:
    for rubbish in (b"", b"\x30\x00", b"rubbish", tbs(granted()) + b"\0"):
        with pytest.raises(LintFailed, match="cannot be read"):
            lint(rubbish, **granted())


# -- What a profile says of itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planned", "asked", "finding"),
    [
        (STATED, msgspec.structs.replace(STATED, policies=("2.999.1",)), "policies"),
        (STATED, msgspec.structs.replace(STATED, policies=STATED.policies[::-1]), "policies"),
        (STATED, msgspec.structs.replace(STATED, cps_url=""), "policies"),
        (STATED, msgspec.structs.replace(STATED, cps_url="https://other.example"), "policies"),
        (STATED, msgspec.structs.replace(STATED, policies=()), "extensions"),
        (SHORT, msgspec.structs.replace(SHORT, no_rev_avail=False), "extensions"),
        (profiles.TLS_SERVER, msgspec.structs.replace(profiles.TLS_SERVER, ocsp=False), "InformationAccess"),
    ],
)
def test_what_it_says_of_itself_is_what_the_profile_says(planned: Profile, asked: Profile, finding: str) -> None:
    with pytest.raises(LintFailed, match=finding):
        lint(tbs(granted(planned)), **granted(asked))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"crl": True}, "tells of revocation"),
        ({"ocsp": True}, "tells of revocation"),
        ({"must_staple": True}, "tells of revocation"),
        ({"validity_seconds": 7 * 86_400 + 1}, "not short-lived"),
    ],
)
def test_the_lint_does_not_trust_the_profile_where_nobody_is_told_of_a_revocation(
    change: dict[str, object], finding: str
) -> None:
    careless = granted(msgspec.structs.replace(SHORT, **change))

    with pytest.raises(LintFailed, match=finding):
        lint(tbs(careless), **careless)


def test_a_tls_feature_is_status_request_and_nothing_else() -> None:
    other = replaced(x509.TLSFeature([x509.TLSFeatureType.status_request_v2]))

    with pytest.raises(LintFailed, match="TLS feature"):
        lint(other, **changed("profile", STAPLED))


def test_no_rev_avail_is_null() -> None:
    planned = asn1.decode_der(plan._TbsCertificate, tbs(granted(SHORT)))
    for extension in planned.extensions:
        if extension.extn_id.dotted_string == "2.5.29.56":
            extension.extn_value = b"\x30\x00"

    with pytest.raises(LintFailed, match="not NULL"):
        lint(asn1.encode_der(planned), **granted(SHORT))


def test_the_crls_address_is_the_one_that_was_granted() -> None:
    wish = granted()
    sharded = plan.tbs_certificate(**wish, serial=1 << 158, crl_url="http://ca.example/crl/issuing.7.crl").tbs

    lint(sharded, **wish, crl_url="http://ca.example/crl/issuing.7.crl")
    for other in (None, "http://ca.example/crl/issuing.8.crl"):
        with pytest.raises(LintFailed, match="another CRL"):
            lint(sharded, **wish, crl_url=other)
