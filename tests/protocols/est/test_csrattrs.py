"""RFC 7030, 4.5; RFC 9908: what a client is told to ask for, read by a program that nobody here wrote."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyasn1.codec.der import decoder, encoder
from pyasn1_alt_modules import rfc5280, rfc8951, rfc9908

from ca_core.names import Kind
from ca_core.policy import request as csr
from ca_core.policy.key_types import FAMILIES
from ca_core.policy.profile import BUILT_IN, DEVICE, TLS_SERVER, ExtendedUsage, Profile, Usage
from protocols.encoding import wrapped_base64
from protocols.est import csrattrs
from protocols.est.errors import AttributesMissing
from protocols.est.labels import ChallengePassword, CsrAttributes, Label
from protocols.wire import Peer, Request
from tests.builders.est import CLIENT, Csr, House, basic, certificate_in, header, house, post, sheet_basic, showing

EXTENSION_REQUEST, REQUEST_TEMPLATE = "1.2.840.113549.1.9.14", "1.2.840.113549.1.9.16.2.61"
EXTENSION_TEMPLATE = "1.2.840.113549.1.9.16.2.62"
CHALLENGE_PASSWORD, IDENTITY_LINKING = "1.2.840.113549.1.9.7", "1.2.840.113549.1.9.16.2.58"
OTP_CHALLENGE = "1.2.840.113549.1.9.16.2.56"
SAN, KEY_USAGE, EXT_KEY_USAGE = "2.5.29.17", "2.5.29.15", "2.5.29.37"
CURL = {"user-agent": "curl/8.5.0", "accept": "*/*"}


def of(profile: Profile, *key_types: str, names_required: bool = False) -> Profile:
    return msgspec.structs.replace(profile, key_types=frozenset(key_types), names_required=names_required)


def read(der: bytes) -> dict[str, list[Any]]:
    """CsrAttrs as RFC 8951 defines them: by object identifier, the values of attributes; none of a bare identifier."""
    attributes, rest = decoder.decode(der, asn1Spec=rfc8951.CsrAttrs())
    assert rest == b""
    found: dict[str, list[Any]] = {}
    for one in attributes:
        if one.getName() == "oid":
            found[str(one["oid"])] = []
        else:
            type_, values = one["attribute"][0], one["attribute"][1]
            found[str(type_)] = [bytes(value) for value in values]
    return found


def template(der: bytes) -> Any:
    (value,) = read(der)[REQUEST_TEMPLATE]
    found, rest = decoder.decode(value, asn1Spec=rfc9908.CertificationRequestInfoTemplate())
    assert rest == b""
    assert int(found["version"]) == 0
    return found


def extensions_of(found: Any) -> tuple[str, dict[str, tuple[bool, bytes | None]]]:
    (attribute,) = found["attributes"]
    kind = str(attribute["type"])
    spec = rfc9908.ExtensionReqTemplate() if kind == EXTENSION_TEMPLATE else rfc5280.Extensions()
    (value,) = attribute["values"]
    extensions, rest = decoder.decode(bytes(value), asn1Spec=spec)
    assert rest == b""
    return kind, {
        str(one["extnID"]): (bool(one["critical"]), bytes(one["extnValue"]) if one["extnValue"].isValue else None)
        for one in extensions
    }


def test_a_profile_for_every_key_says_what_its_certificates_are_for() -> None:
    der = csrattrs.csr_attributes(DEVICE)

    assert list(read(der)) == [EXTENSION_REQUEST, REQUEST_TEMPLATE]
    found = template(der)
    assert not found["subject"].isValue
    assert not found["subjectPKInfo"].isValue
    client_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]).public_bytes()
    assert extensions_of(found) == (EXTENSION_REQUEST, {EXT_KEY_USAGE: (False, client_auth)})


@pytest.mark.parametrize("names_required", [True, False])
@pytest.mark.parametrize("name", BUILT_IN)
def test_extensions_stand_in_one_attribute_and_once_each(name: str, names_required: bool) -> None:
    """RFC 9908, 3.2."""
    der = csrattrs.csr_attributes(msgspec.structs.replace(BUILT_IN[name], names_required=names_required))

    attributes, _ = decoder.decode(der, asn1Spec=rfc8951.CsrAttrs())
    types = [str(one["attribute"][0]) for one in attributes if one.getName() == "attribute"]
    (value,) = read(der)[EXTENSION_REQUEST]
    extensions, rest = decoder.decode(value, asn1Spec=rfc5280.Extensions())
    found = [str(one["extnID"]) for one in extensions]
    assert types.count(EXTENSION_REQUEST) == 1
    assert rest == b""
    assert len(set(found)) == len(found) > 0


def test_where_names_are_needed_the_client_fills_them_in() -> None:
    der = csrattrs.csr_attributes(of(TLS_SERVER, "ec-p256", names_required=True))

    kind, extensions = extensions_of(template(der))
    assert kind == EXTENSION_TEMPLATE
    assert list(extensions) == [SAN, KEY_USAGE, EXT_KEY_USAGE]
    assert extensions[SAN] == (False, None)
    assert extensions[KEY_USAGE][0] is True
    assert SAN in read(der)


def test_one_curve_is_in_the_template_and_all_of_them_in_the_attribute() -> None:
    one = csrattrs.csr_attributes(of(DEVICE, "ec-p384"))
    two = csrattrs.csr_attributes(of(DEVICE, "ec-p384", "ec-p256"))

    algorithm = template(one)["subjectPKInfo"]["algorithm"]
    assert str(algorithm["algorithm"]) == "1.2.840.10045.2.1"
    assert str(decoder.decode(bytes(algorithm["parameters"]))[0]) == "1.3.132.0.34"
    assert not template(one)["subjectPKInfo"]["subjectPublicKey"].isValue
    # RFC 9908, 3.4: what is demanded of the key stands in the template, and a choice cannot.
    assert REQUEST_TEMPLATE not in read(two)
    curves = [str(decoder.decode(value)[0]) for value in read(two)["1.2.840.10045.2.1"]]
    assert sorted(curves) == ["1.2.840.10045.3.1.7", "1.3.132.0.34"]
    assert read(two)["1.2.840.10045.4.3.2"] == []


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_the_length_of_an_rsa_key_is_that_of_a_modulus_that_is_nobodys(bits: int) -> None:
    der = csrattrs.csr_attributes(of(DEVICE, f"rsa-{bits}"))

    info = template(der)["subjectPKInfo"]
    assert str(info["algorithm"]["algorithm"]) == "1.2.840.113549.1.1.1"
    key, _ = decoder.decode(info["subjectPublicKey"].asOctets(), asn1Spec=rfc5280.univ.Any())
    numbers = decoder.decode(bytes(key))[0]
    assert int(numbers[0]).bit_length() == bits
    assert [int(decoder.decode(value)[0]) for value in read(der)["1.2.840.113549.1.1.1"]] == [bits]
    assert "1.2.840.113549.1.1.11" in read(der)


@pytest.mark.parametrize("name", ["ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_a_key_without_parameters_is_its_algorithm(name: str) -> None:
    der = csrattrs.csr_attributes(of(DEVICE, name))

    algorithm = template(der)["subjectPKInfo"]["algorithm"]
    assert not algorithm["parameters"].isValue
    assert read(der)[str(algorithm["algorithm"])] == []
    # RFC 9908, 3.2: an attribute all the same, whose set of values is empty.
    assert encoder.encode(algorithm["algorithm"]) + bytes.fromhex("3100") in der


@pytest.mark.parametrize(
    ("is_bound", "takes_codes", "named"),
    [(False, False, set()), (True, False, {CHALLENGE_PASSWORD, IDENTITY_LINKING}), (False, True, {OTP_CHALLENGE})],
    ids=["nothing", "possession", "codes"],
)
def test_the_challenges_that_are_wanted_are_named(*, is_bound: bool, takes_codes: bool, named: set[str]) -> None:
    """RFC 7894, 4; one that took codes and named the challengePassword would get a channel binding there."""
    found = read(csrattrs.csr_attributes(DEVICE, is_bound=is_bound, takes_codes=takes_codes))

    assert found.keys() - read(csrattrs.csr_attributes(DEVICE)).keys() == named


def test_what_would_be_too_long_goes_out_without_its_template() -> None:
    der = csrattrs.csr_attributes(of(DEVICE, "rsa-8192"))

    assert REQUEST_TEMPLATE not in read(der)
    assert "1.2.840.113549.1.1.1" in read(der)


@pytest.mark.parametrize("what", ["is_bound", "takes_codes"])
def test_a_challenge_goes_out_without_a_template(what: str) -> None:
    """RFC 9908, 4: who understands a template ignores what stands beside it; in it there is no place for one."""
    der = csrattrs.csr_attributes(DEVICE, is_bound=what == "is_bound", takes_codes=what == "takes_codes")

    assert REQUEST_TEMPLATE not in read(der)
    assert EXTENSION_REQUEST in read(der)


@pytest.mark.parametrize("names_required", [True, False])
def test_no_profile_says_more_than_older_clients_read(names_required: bool) -> None:
    fields = {
        "extended_key_usage": frozenset(ExtendedUsage),
        "name_kinds": frozenset(Kind),
        "rsa_usage": frozenset(Usage),
    }
    longest = msgspec.structs.replace(of(TLS_SERVER, *FAMILIES, names_required=names_required), **fields)
    subject = x509.Name.from_rfc4514_string(",".join(f"OU={'x' * 60}" for _ in range(12))).public_bytes()

    for key_types in (FAMILIES, ("rsa-4096",), ()):
        der = csrattrs.csr_attributes(of(longest, *key_types, names_required=names_required), subject)
        assert len(wrapped_base64(der)) <= 1024


def asked(profile: Profile, *, names: tuple[str, ...] = (), usage: x509.ExtensionType | None = None) -> None:
    """Require what a profile demands of a request for these names and this extended key usage."""
    extended = usage or x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    csrattrs.require(profile, csr.parse(Csr(names=names, extensions=(extended,)).der()))


def test_a_request_that_asks_for_all_of_it_passes() -> None:
    asked(TLS_SERVER, names=("a.example",))


def test_the_refusal_says_what_was_asked_and_what_is_missing() -> None:
    with pytest.raises(AttributesMissing, match=r"with subjectAltName, extKeyUsage, .* lacks subjectAltName or"):
        asked(TLS_SERVER)
    with pytest.raises(AttributesMissing, match=r"lacks extKeyUsage or asks for another value"):
        asked(TLS_SERVER, names=("a.example",), usage=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
    with pytest.raises(AttributesMissing, match=r"with extKeyUsage, .* lacks extKeyUsage or"):
        asked(DEVICE)


def get(path: str, *, authorization: str | None = None, peer: Peer = CLIENT) -> Request:
    headers = CURL if authorization is None else {**CURL, "authorization": authorization}
    return Request("GET", f"/.well-known/est/{path}", headers, b"", peer)


async def test_anybody_may_ask_for_the_attributes_of_a_label(house: House) -> None:
    reply = await house.est.answer(get("device/csrattrs"))

    assert header(reply, "Content-Type") == "application/csrattrs"
    assert header(reply, "Content-Transfer-Encoding") == "base64"
    assert base64.b64decode(reply.body) == csrattrs.csr_attributes(DEVICE)


async def test_without_a_label_nothing_is_known_of_nobody(house: House) -> None:
    reply = await house.est.answer(get("csrattrs"))

    assert (reply.status, reply.body) == (204, b"")


async def test_a_subscriber_is_told_the_subject_of_the_certificate(house: House) -> None:
    sheet = await house.device()
    by_code = await house.est.answer(get("csrattrs", authorization=sheet_basic(sheet)))
    enrolled = await house.est.answer(post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet)))

    by_certificate = await house.est.answer(get("csrattrs", peer=showing(certificate_in(enrolled))))

    subject = x509.Name.from_rfc4514_string("CN=meter-7,O=Example,C=TW").public_bytes()
    assert base64.b64decode(by_code.body) == csrattrs.csr_attributes(DEVICE, subject)
    assert by_certificate == by_code
    rdns = template(base64.b64decode(by_code.body))["subject"]["rdnSequence"]
    assert [str(rdn[0]["type"]) for rdn in rdns] == ["2.5.4.6", "2.5.4.10", "2.5.4.3"]


async def test_who_says_wrongly_who_they_are_is_refused(house: House) -> None:
    reply = await house.est.answer(get("device/csrattrs", authorization=basic("nobody", "x")))

    assert reply.status == 401


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [
        (ChallengePassword.OTP, csrattrs.csr_attributes(DEVICE, takes_codes=True)),
        (ChallengePassword.POP_REQUIRED, csrattrs.csr_attributes(DEVICE, is_bound=True)),
    ],
    ids=["codes", "possession"],
)
async def test_a_label_names_the_challenges_that_it_takes(
    tmp_path: Path, meaning: ChallengePassword, expected: bytes
) -> None:
    async with house(tmp_path, labels={"device": Label(challenge_password=meaning)}) as opened:
        reply = await opened.est.answer(get("device/csrattrs"))

    assert base64.b64decode(reply.body) == expected


@pytest.mark.parametrize("path", ["simpleenroll", "device/simpleenroll"])
async def test_what_a_label_enforces_holds_with_and_without_it_in_the_path(tmp_path: Path, path: str) -> None:
    labels = {"device": Label(csrattrs=CsrAttributes.ENFORCED)}
    async with house(tmp_path, labels=labels) as opened:
        sheet = await opened.device()
        whole = Csr(extensions=(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),))

        refused = await opened.est.answer(post(path, Csr().body(), authorization=sheet_basic(sheet)))
        passed = await opened.est.answer(post(path, whole.body(), authorization=sheet_basic(sheet)))

    assert (refused.status, passed.status) == (400, 200)
    assert b"asks for a request with extKeyUsage" in refused.body
