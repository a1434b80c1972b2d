"""RFC 5272, 6.2 and 6.3: proofs that a sender knows a code, and witnesses that link certification requests to it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509

from ca_core import names
from ca_core.registration.account import Grant
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.proof_keys import ProofKeys, keys_of_nobody, proof_keys, unpacked
from ca_core.registration.sheet import Sheet
from ca_core.secret import Secret
from ca_core.store import registrations
from conformance.cmc import FAILED, SEQUENCE, SUCCESS, Ask, IdentityProof, Told, element, message
from protocols.cmc import links
from protocols.cmc.errors import UnreadableRequest
from protocols.cmc.failures import FailInfo
from protocols.cmc.identity_proof import Witness
from protocols.cms.errors import UnknownAlgorithm
from tests.builders.cmc import CmcHouse, answer, by_certificate, cmc_house, code_of
from tests.builders.csr import raw_csr
from tests.builders.est import Csr, new_key

SHA1, SHA256 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1"
HMAC_SHA1, PKCS5_HMAC_SHA1, HMAC_SHA256 = "1.3.6.1.5.5.8.1.2", "1.2.840.113549.2.7", "1.2.840.113549.2.9"
DIGESTS = {SHA1: "sha1", SHA256: "sha256"}
MACS = {HMAC_SHA1: "sha1", PKCS5_HMAC_SHA1: "sha1", HMAC_SHA256: "sha256"}
WITNESS, WITNESS_V2 = x509.ObjectIdentifier("1.3.6.1.5.5.7.7.23"), x509.ObjectIdentifier("1.3.6.1.5.5.7.7.33")
RANDOM = bytes(range(64))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CmcHouse]:
    async with cmc_house(tmp_path) as opened:
        yield opened


def written(secret: str, over: bytes, digest: str, mac: str) -> IdentityProof:
    """An IdentityProofV2 or a PopLinkWitnessV2."""
    key = hashlib.new(DIGESTS[digest], secret.encode()).digest()
    witness = hmac.digest(key, over, MACS[mac])
    return IdentityProof({"hash": {"algorithm": digest}, "mac": {"algorithm": mac}, "witness": witness})


def first_version(secret: str, over: bytes) -> bytes:
    key = hashlib.new(DIGESTS[SHA1], secret.encode()).digest()
    dumped: bytes = core.OctetString(hmac.digest(key, over, "sha1")).dump()
    return dumped


def proved(sheet: Sheet, ask: Ask, digest: str = SHA256, mac: str = HMAC_SHA256) -> Ask:
    over = element(SEQUENCE, *ask.requests)
    return ask.identification(sheet.account).control(34, written(code_of(sheet) + sheet.account, over, digest, mac))


def linked(csr: Csr, sheet: Sheet, random: bytes = RANDOM, digest: str = SHA256, mac: str = HMAC_SHA256) -> bytes:
    """A certification request with a witness of version 2."""
    witness = written(code_of(sheet), random, digest, mac).dump()
    return replace(csr, attributes=[*csr.attributes, (WITNESS_V2, witness)]).der()


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("mac", MACS)
async def test_an_identity_is_proved_by_each_algorithm(house: CmcHouse, digest: str, mac: str) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = proved(sheet, Ask().certificate(Csr(key=key).der()), digest, mac)

    assert answer(await house.send(message(ask.der(), key))).only.status == SUCCESS


async def first(house: CmcHouse, *, secret: str | None = None, also: bool = False) -> Told:
    """What an IdentityProof of the first version brings, perhaps beside one of version 2 that is right."""
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().certificate(Csr(key=key).der())
    over = element(SEQUENCE, *ask.requests)
    if also:
        proved(sheet, ask)
    else:
        ask.identification("meter")
    old = first_version((code_of(sheet) if secret is None else secret) + "meter", over)
    return answer(await house.send(message(ask.control(3, core.OctetString.load(old)).der(), key))).only


async def test_an_identity_is_proved_as_the_first_version_did(house: CmcHouse) -> None:
    assert (await first(house)).status == SUCCESS


async def test_a_wrong_proof_of_the_first_version_proves_nothing(house: CmcHouse) -> None:
    assert (await first(house, secret="WRONG")).fail == FailInfo.BAD_IDENTITY


async def test_of_two_proofs_both_must_hold(house: CmcHouse) -> None:
    assert (await first(house, secret="WRONG", also=True)).fail == FailInfo.BAD_IDENTITY


async def test_two_proofs_that_hold_are_taken(house: CmcHouse) -> None:
    assert (await first(house, also=True)).status == SUCCESS


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("mac", MACS)
async def test_a_request_is_linked_to_the_code_by_a_witness(house: CmcHouse, digest: str, mac: str) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    csr = linked(Csr(key=key, subject=x509.Name([])), sheet, digest=digest, mac=mac)
    ask = proved(sheet, Ask().certificate(csr).control(22, core.OctetString(RANDOM)))

    reply = await house.send(message(ask.der(), key))

    assert answer(reply).issued_to(key).subject.rfc4514_string() == "CN=meter,O=Example,C=TW"


async def test_a_witness_of_the_first_version_links_as_well(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    csr = Csr(key=key, attributes=[(WITNESS, first_version(code_of(sheet), RANDOM))]).der()
    ask = proved(sheet, Ask().certificate(csr).control(22, core.OctetString(RANDOM)))

    assert answer(await house.send(message(ask.der(), key))).only.status == SUCCESS


async def several(house: CmcHouse, *, second_random: bytes | None, uses: int = 2) -> dict[int, Told]:
    """Two requests for names of one device, of which the second is linked to another random value, or not at all."""
    grants = [Grant(names.dns(f"{letter}.example")) for letter in "ab"]
    sheet, keys = await house.core.register("meter", *grants, kind="device", uses=uses), [new_key(), new_key()]
    csrs = [Csr(key=key, names=[f"{letter}.example"]) for key, letter in zip(keys, "ab", strict=True)]
    second = csrs[1].der() if second_random is None else linked(csrs[1], sheet, second_random)
    ask = Ask().certificate(linked(csrs[0], sheet)).certificate(second).control(22, core.OctetString(RANDOM))
    return dict(answer(await house.send(message(proved(sheet, ask).der(), keys[1]))).told)


async def test_with_witnesses_a_code_certifies_several_keys_at_once(house: CmcHouse) -> None:
    told = await several(house, second_random=RANDOM)

    assert [told[part].status for part in (1, 2)] == [SUCCESS, SUCCESS]


@pytest.mark.parametrize("random", [None, b"another"], ids=["no witness", "a witness over something else"])
async def test_where_one_request_is_not_linked_nothing_is_issued(house: CmcHouse, random: bytes | None) -> None:
    told = await several(house, second_random=random)

    assert {part: one.fail for part, one in told.items()} == {0: FailInfo.POP_FAILED}
    assert not await house.core.certificates()


async def test_a_witness_of_another_code_links_nothing(house: CmcHouse) -> None:
    sheet, other = [await house.core.register(account, kind="device") for account in ("meter", "other")]
    key = new_key()
    ask = Ask().certificate(linked(Csr(key=key), other)).control(22, core.OctetString(RANDOM))

    told = answer(await house.send(message(proved(sheet, ask).der(), key))).only

    assert (told.status, told.fail) == (FAILED, FailInfo.POP_FAILED)


async def test_a_witness_needs_the_random_value_and_the_value_a_witness(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    without = proved(sheet, Ask().certificate(linked(Csr(key=key), sheet)))
    alone = proved(sheet, Ask().certificate(Csr(key=key).der()).control(22, core.OctetString(RANDOM)))

    for ask in (without, alone):
        assert answer(await house.send(message(ask.der(), key))).only.fail == FailInfo.POP_FAILED


async def test_who_signs_with_a_certificate_has_no_secret_to_link_to(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    ask = Ask().certificate(Csr().der()).control(22, core.OctetString(RANDOM))

    assert answer(await house.send(by_certificate(held, ask))).only.fail == FailInfo.AUTH_DATA_FAIL


async def test_a_key_that_no_request_holds_signs_nothing(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().certificate(linked(Csr(key=key), sheet)).control(22, core.OctetString(RANDOM))

    told = answer(await house.send(message(proved(sheet, ask).der(), new_key()))).only

    assert told.fail == FailInfo.BAD_MESSAGE_CHECK


async def test_a_sheet_from_before_sha_1_proves_by_sha_256(house: CmcHouse) -> None:
    """The sealed keys of older sheets are one only."""
    sheet, keys = await house.core.register("meter", kind="device", uses=2), [new_key(), new_key()]
    old = ProofKeys(proof_keys(Secret(code_of(sheet)), "meter").sha256)
    async with house.core.database.write() as tx:
        registration = await registrations.by_account(tx, "meter")
        assert registration is not None
        sealed = SecretKeeper(bytes(32)).sealed_proof(registration.id, old)
        await tx.execute("UPDATE credentials SET proof_key = :sealed WHERE proof_key IS NOT NULL", sealed=sealed)

    by_sha1 = proved(sheet, Ask().certificate(Csr(key=keys[0]).der()), SHA1)
    by_sha256 = proved(sheet, Ask().certificate(Csr(key=keys[1]).der()))

    assert answer(await house.send(message(by_sha1.der(), keys[0]))).only.fail == FailInfo.BAD_IDENTITY
    assert answer(await house.send(message(by_sha256.der(), keys[1]))).only.status == SUCCESS


@pytest.mark.parametrize("mac", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("digest", ["sha1", "sha256"])
def test_a_proof_holds_for_one_secret_account_and_request(digest: str, mac: str) -> None:
    key = hashlib.new(digest, b"CODEmeter").digest()
    proof = Witness("sha1" if digest == "sha1" else "sha256", mac, hmac.digest(key, b"requests", mac))

    assert proof.proves_identity(proof_keys(Secret("CODE"), "meter"), b"requests")
    assert not proof.proves_identity(proof_keys(Secret("CODE"), "other"), b"requests")
    assert not proof.proves_identity(proof_keys(Secret("EDOC"), "meter"), b"requests")
    assert not proof.proves_identity(proof_keys(Secret("CODE"), "meter"), b"others")
    assert not proof.links(proof_keys(Secret("CODE"), "meter"), b"requests")
    assert proof.links(proof_keys(Secret("CODEmeter"), ""), b"requests")


def test_keys_are_kept_as_they_were_and_never_shown() -> None:
    keys = proof_keys(Secret("CODE"), "meter")

    assert unpacked(keys.packed) == keys
    assert unpacked(keys.sha256) == ProofKeys(keys.sha256)
    assert len(keys_of_nobody().packed) == len(keys.packed)
    assert repr(keys) == "ProofKeys()"
    assert not Witness("sha1", "sha1", b"x").links(ProofKeys(b"x" * 32), b"x")


@pytest.mark.parametrize("value", [b"\x05\x00", b"\x30\x00"])
def test_a_witness_that_is_none_is_refused(value: bytes) -> None:
    with pytest.raises(UnreadableRequest):
        links.witnesses(Csr(attributes=[(WITNESS_V2, value)]).der())


@pytest.mark.parametrize("request_der", [b"", b"\x30\x00", b"\x30\x02\x30\x00", b"\x30\x04\x30\x02\xa0\x00"])
def test_what_is_no_request_holds_no_witness(request_der: bytes) -> None:
    with suppress(UnreadableRequest):
        assert links.witnesses(request_der) == ()


def test_a_witness_by_other_algorithms_is_refused() -> None:
    other = IdentityProof(
        {"hash": {"algorithm": "1.2.840.113549.2.5"}, "mac": {"algorithm": HMAC_SHA1}, "witness": b"w"}
    )

    with pytest.raises(UnknownAlgorithm):
        links.witnesses(Csr(attributes=[(WITNESS_V2, other.dump())]).der())
    assert links.witnesses(raw_csr()) == ()
