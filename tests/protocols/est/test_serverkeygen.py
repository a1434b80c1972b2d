"""RFC 7030, 4.4: the server makes the key, hands it over once, and keeps nothing of it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs7
from cryptography.x509.oid import ObjectIdentifier
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca_core.applicant import Door
from ca_core.errors import NotFound, WrongSecret
from ca_core.made_keys import desk
from ca_core.made_keys.desk import KeyDesk, Made
from ca_core.made_keys.generation import Generator, strength_bits
from ca_core.policy.profile import BUILT_IN, ApprovalRule, KeyMaking, Profile, Usage
from ca_core.policy.request import parse_for_made_key
from ca_core.registration.desk import Form
from ca_core.registration.sheet import Sheet
from ca_core.revocation.reason import Reason
from protocols.cms.enveloped import AgreedWith, TransportedTo
from protocols.cms.signed import content_info, read, require_signed_by
from protocols.cms.structures import ASYMMETRIC_KEY_PACKAGE, SIGNED_DATA
from protocols.est.dialogue import EstDialogue
from protocols.est.errors import DecryptionKeyUnknown
from protocols.est.key_generation import _recipient_by
from protocols.est.key_wish import ASYMMETRIC_DECRYPT_KEY_ID, DECRYPT_KEY_ID, SMIME_CAPABILITIES
from protocols.est.labels import ChallengePassword, CsrAttributes, Label
from protocols.wire import Reply, Request
from tests.builders.ca_key import enrolling as slow_door
from tests.builders.cms import Key, certificate_of, cms, written
from tests.builders.csr import attribute, ec_key, ed25519_key, ml_dsa_key, raw_csr, rsa_key, spki
from tests.builders.est import (
    CLIENT,
    DAY,
    Csr,
    House,
    Part,
    PrivateKey,
    certificate_in,
    header,
    new_key,
    parts_of,
    post,
    services,
    sheet_basic,
    showing,
)
from tests.builders.est import house as open_house

CLEAR = msgspec.structs.replace(BUILT_IN["device"], name="clear", server_keygen=KeyMaking.CLEAR)
AGREEING = msgspec.structs.replace(
    BUILT_IN["device"],
    name="agreeing",
    ec_usage=frozenset({Usage.DIGITAL_SIGNATURE, Usage.KEY_AGREEMENT}),
)
PROFILES = {**BUILT_IN, "clear": CLEAR, "agreeing": AGREEING}
LABELS = {name: Label() for name in ("clear", "encryption", "device", "agreeing")}


def opened(
    folder: Path, profiles: Mapping[str, Profile] = PROFILES, labels: Mapping[str, Label] = LABELS
) -> AbstractAsyncContextManager[House]:
    return open_house(folder, profiles, labels)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as built:
        await built.signers.turn()
        yield built


async def registered(house: House, uses: int | None = 1) -> Sheet:
    form = Form("device", "CN=meter-7,O=Example,C=TW", uses, profiles=tuple(LABELS))
    return (await house.desk.register(form, actor="test"))[1]


def asked(sheet: Sheet, request: bytes | None = None, *, label: str = "clear/") -> Request:
    body = base64.encodebytes(Csr().der() if request is None else request)
    return post(f"{label}serverkeygen", body, authorization=sheet_basic(sheet))


def enrolling(sheet: Sheet, key: PrivateKey | None = None, *, label: str = "device") -> Request:
    body = Csr(key=key or new_key()).body()
    return post(f"{label}/simpleenroll", body, authorization=sheet_basic(sheet))


def parts(reply: Reply) -> tuple[Part, x509.Certificate]:
    """The key's part, and the certificate."""
    key, certificates = parts_of(reply)
    (certificate,) = pkcs7.load_der_pkcs7_certificates(certificates.content)
    return key, certificate


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def key_in(reply: Reply) -> tuple[object, x509.Certificate]:
    """The key as it came in the clear, and its certificate; they fit together."""
    part, certificate = parts(reply)
    assert part.content_type == "application/pkcs8"
    private_key = load_der_private_key(part.content, None)
    assert private_key.public_key() == certificate.public_key()
    return private_key, certificate


def opened_key(house: House, signed: bytes, certificate: x509.Certificate) -> None:
    """What was enveloped is signed by the CA's delegate, and holds the certificate's key."""
    message = read(content_info(SIGNED_DATA, signed))
    assert message.content_type == ASYMMETRIC_KEY_PACKAGE
    signer, issuer = (x509.load_der_x509_certificate(one) for one in ordered(message.certificates))
    signer.verify_directly_issued_by(issuer)
    assert issuer == house.authority.issuing
    require_signed_by(message, message.signers[0], signer.public_key())
    private_key = load_der_private_key(bytes(asn1.decode_der(asn1.TLV, message.content).data), None)
    assert private_key.public_key() == certificate.public_key()


def ordered(certificates: tuple[bytes, ...]) -> list[bytes]:
    """The signer's first."""
    return sorted(
        certificates,
        key=lambda der: (
            x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        ),
    )


# -- In the clear ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dummy", "kind"),
    [
        (rsa_key(), rsa.RSAPrivateKey),
        (ec_key(), ec.EllipticCurvePrivateKey),
        (ec_key("secp384r1"), ec.EllipticCurvePrivateKey),
        (ed25519_key(), ed25519.Ed25519PrivateKey),
        (ml_dsa_key(44), mldsa.MLDSA44PrivateKey),
        (ml_dsa_key(65), mldsa.MLDSA65PrivateKey),
        (ml_dsa_key(87), mldsa.MLDSA87PrivateKey),
    ],
)
async def test_the_key_is_of_the_requests_type_and_nobody_elses(house: House, dummy: Key, kind: type) -> None:
    sheet = await registered(house)
    # Signed by another key than the one in it: neither is looked at.
    request = raw_csr(spki_der=spki(dummy))

    private_key, certificate = key_in(await house.est.answer(asked(sheet, request)))

    assert isinstance(private_key, kind)
    assert certificate.public_key() != dummy.public_key()
    assert certificate.subject.rfc4514_string() == "CN=meter-7,O=Example,C=TW"
    (made,) = await house.core.journal("key-made")
    assert int(made.serial or "", 16) == certificate.serial_number


# A long key takes seconds to make: only who runs the test waits for it, not every worker that collects it.
@pytest.mark.parametrize("made", [partial(ec_key, "secp256k1"), partial(rsa_key, 8192), partial(rsa_key, 1024)])
async def test_keys_of_other_types_are_not_made(house: House, made: Callable[[], Key]) -> None:
    reply = await house.est.answer(asked(await registered(house), raw_csr(spki_der=spki(made()))))

    assert reply.status == 400
    assert await house.count() == 0


async def test_a_profile_says_whether_keys_are_made(house: House) -> None:
    reply = await house.est.answer(asked(await registered(house), label="device/"))

    assert reply.status == 403
    assert b"make the key yourself" in reply.body


def test_by_default_keys_are_made_for_encryption_only_and_never_go_in_the_clear() -> None:
    """RFC 7030, 6: and RULES, S14."""
    makes = {name: one.server_keygen for name, one in BUILT_IN.items() if one.server_keygen is not KeyMaking.NEVER}

    assert makes == {"encryption": KeyMaking.ENCRYPTED}


async def test_without_a_label_the_registrations_default_says_it(house: House) -> None:
    reply = await house.est.answer(asked(await registered(house), label=""))

    key_in(reply)


async def test_nothing_of_the_key_is_kept(house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part, _ = parts(await house.est.answer(asked(await registered(house), raw_csr(spki_der=spki(rsa_key())))))

    secret = part.content[-64:]
    assert secret not in everything_in(tmp_path)
    assert secret.hex() not in caplog.text


@pytest.mark.parametrize(
    ("dummy", "bits"),
    [
        (rsa_key(), 112),
        (rsa_key(3072), 128),
        (rsa_key(4096), 152),
        (ec_key(), 128),
        (ec_key("secp384r1"), 192),
        (ec_key("secp521r1"), 256),
        (ed25519_key(), 128),
        (ml_dsa_key(44), 128),
        (ml_dsa_key(65), 192),
        (ml_dsa_key(87), 256),
    ],
)
async def test_a_key_in_the_clear_needs_a_cipher_as_strong_as_it_is(house: House, dummy: Key, bits: int) -> None:
    request, sheet = raw_csr(spki_der=spki(dummy)), await registered(house, uses=None)
    made = await house.core.decryption_keys.make(sheet.account, actor="test")
    assert strength_bits(dummy.public_key()) == bits

    weak, enveloped, unknown = (
        msgspec.structs.replace(asked(sheet, der), peer=msgspec.structs.replace(CLIENT, cipher_bits=cipher_bits))
        for der, cipher_bits in ((request, bits - 1), (for_symmetric(made.key_id), 1), (request, None))
    )
    refused = await house.est.answer(weak)

    assert refused.status == 400
    assert b"keeps secret" in refused.body
    assert await house.count() == 0
    assert (await house.est.answer(enveloped)).status == 200
    key_in(await house.est.answer(unknown))


async def test_a_made_key_does_not_show_itself(house: House) -> None:
    certificate = certificate_in(await house.est.answer(enrolling(await registered(house))))
    (stored,) = await house.core.certificates()

    assert repr(Made(stored, ec_key())) == f"Made({certificate.serial_number:040x})"


async def test_a_held_certificate_asks_as_well_as_a_code(house: House) -> None:
    sheet = await registered(house)
    held = certificate_in(await house.est.answer(enrolling(sheet)))
    request = post("clear/serverkeygen", Csr().body(), peer=showing(held))

    key_in(await house.est.answer(request))


async def test_who_does_not_say_who_asks_gets_nothing(house: House) -> None:
    assert (await house.est.answer(post("clear/serverkeygen", Csr().body()))).status == 401


async def test_a_challenge_password_is_verified_here_too(house: House) -> None:
    reply = await house.est.answer(asked(await registered(house), Csr(challenge=b"whatever").der()))

    assert reply.status == 400


async def test_what_the_label_demands_is_demanded_here_too(tmp_path: Path) -> None:
    labels = {**LABELS, "clear": Label(csrattrs=CsrAttributes.ENFORCED)}
    async with opened(tmp_path, labels=labels) as house:
        reply = await house.est.answer(asked(await registered(house)))

        assert reply.status == 400
        assert b"csrattrs" in reply.body


# -- Again -------------------------------------------------------------------------------------------------


async def test_a_lost_answer_is_made_good_by_another_key(house: House) -> None:
    sheet = await registered(house)
    _, first = key_in(await house.est.answer(asked(sheet)))

    # The code is spent and the window is shut; that the key cannot come again must not lock the device out.
    _, second = key_in(await house.est.answer(asked(sheet)))

    assert second.public_key() != first.public_key()
    reasons = {int(one.serial, 16): one.reason for one in await house.core.certificates()}
    assert reasons == {first.serial_number: Reason.SUPERSEDED, second.serial_number: None}
    (revoked,) = await house.core.journal("certificate-revoked")
    assert "never arrived" in revoked.detail["note"]


async def test_the_door_to_another_key_shuts_after_two_days(house: House) -> None:
    sheet = await registered(house, uses=None)
    key_in(await house.est.answer(asked(sheet)))
    house.clock.move(2 * DAY + 1)

    reply = await house.est.answer(asked(sheet))

    assert reply.status == 429
    assert [one.reason for one in await house.core.certificates()] == [None]


async def test_a_key_is_made_again_a_few_times_only(house: House) -> None:
    sheet = await registered(house)
    for _ in range(5):
        key_in(await house.est.answer(asked(sheet)))

    reply = await house.est.answer(asked(sheet))

    assert reply.status == 429
    assert b"ask your registration authority" in reply.body
    assert [one.reason for one in await house.core.certificates()].count(None) == 1


async def test_what_is_on_hold_is_not_made_good(house: House) -> None:
    sheet = await registered(house, uses=None)
    _, first = key_in(await house.est.answer(asked(sheet)))
    await house.revocations.hold(f"{first.serial_number:040x}", actor="test")

    assert (await house.est.answer(asked(sheet))).status == 403


async def test_a_renewal_in_the_window_revokes_nothing(house: House) -> None:
    sheet = await registered(house, uses=2)
    key_in(await house.est.answer(asked(sheet)))
    house.clock.move(61 * DAY)

    key_in(await house.est.answer(asked(sheet)))

    assert [one.reason for one in await house.core.certificates()] == [None, None]


async def test_twenty_at_once_get_one_certificate_that_is_good(house: House) -> None:
    sheet = await registered(house)

    replies = await asyncio.gather(*(house.est.answer(asked(sheet)) for _ in range(20)))

    assert {reply.status for reply in replies} <= {200, 202, 429}
    assert [one.reason for one in await house.core.certificates()].count(None) == 1


async def test_who_comes_when_too_many_wait_comes_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_WAITING", 0)

    reply = await house.est.answer(asked(await registered(house)))

    assert (reply.status, header(reply, "Retry-After")) == (429, "5")


async def test_a_newer_sheet_voids_the_code_also_while_a_key_is_being_made(house: House) -> None:
    sheet = await registered(house)
    _, first = key_in(await house.est.answer(asked(sheet)))
    assert sheet.enrollment_code is not None
    applicant = await house.core.sign_in.by_enrollment_code(
        sheet.account, sheet.enrollment_code, source="192.0.2.7", door=Door.EST
    )
    await house.desk.new_sheet(sheet.account, actor="test")

    with pytest.raises(WrongSecret):
        await KeyDesk(house.core.database, house.core.clock, house.core.enrollment, house.core.gate).make(
            applicant, parse_for_made_key(Csr().der()), CLEAR
        )

    assert [int(one.serial, 16) for one in await house.core.certificates()] == [first.serial_number]


async def test_what_an_officer_would_look_at_costs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = msgspec.structs.replace(CLEAR, approval=ApprovalRule.ALWAYS)
    async with opened(tmp_path, {**PROFILES, "clear": looked_at}) as house:
        sheet = await registered(house)
        # Whoever would wait for a key to be made is sent away with 429.
        monkeypatch.setattr(desk, "MOST_WAITING", 0)

        assert (await house.est.answer(asked(sheet))).status == 403


async def test_no_key_is_made_while_nothing_is_certified(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = await registered(house)
    # Whoever would wait for a key to be made is sent away with 429.
    monkeypatch.setattr(desk, "MOST_WAITING", 0)
    house.core.gate.hold("an older journal")

    reply = await house.est.answer(asked(sheet))

    assert (reply.status, header(reply, "Retry-After")) == (503, "300")


async def test_who_waited_for_a_key_gets_none_when_certifying_has_stopped_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = await registered(house)
    made: list[PrivateKey] = []

    def generate() -> PrivateKey:
        made.append(ec_key())
        return made[-1]

    def close_the_gate(_: object) -> Generator:
        house.core.gate.hold("an older journal")
        return generate

    monkeypatch.setattr(desk, "generator_like", close_the_gate)

    reply = await house.est.answer(asked(sheet))

    assert (reply.status, made) == (503, [])


async def test_one_registration_does_not_take_all_the_places(house: House) -> None:
    sheet = await registered(house)

    replies = await asyncio.gather(
        *(house.est.answer(asked(sheet, raw_csr(spki_der=spki(rsa_key())))) for _ in range(3))
    )

    assert sorted(reply.status for reply in replies) == [200, 429, 429]


async def test_a_spent_code_makes_a_lost_key_good_also_where_the_window_is_always_open(tmp_path: Path) -> None:
    daily = msgspec.structs.replace(CLEAR, validity_seconds=DAY)
    async with opened(tmp_path, {**PROFILES, "clear": daily}) as house:
        sheet = await registered(house)
        _, first = key_in(await house.est.answer(asked(sheet)))

        _, second = key_in(await house.est.answer(asked(sheet)))

        reasons = {int(one.serial, 16): one.reason for one in await house.core.certificates()}
        assert reasons == {first.serial_number: Reason.SUPERSEDED, second.serial_number: None}


async def test_a_key_whose_certificate_was_not_signed_in_time_is_made_again(house: House) -> None:
    sheet = await registered(house)
    door, issuer, key = slow_door(house.core)
    made_by = KeyDesk(house.core.database, house.core.clock, door, house.core.gate)
    est = EstDialogue(replace(services(house.core, LABELS, house.signers), enrollment=door, keys=made_by))
    key.busy = True

    # The key that was made for it is forgotten; while its certificate is being signed, nothing else is begun.
    assert [(await est.answer(asked(sheet))).status for _ in range(3)] == [202, 202, 202]

    key.busy = False
    await issuer.finish_left(house.core.profiles)
    _, certificate = key_in(await est.answer(asked(sheet)))
    reasons = {int(one.serial, 16): one.reason for one in await house.core.certificates()}
    assert len(reasons) == 2
    assert reasons[certificate.serial_number] is None


async def test_a_code_in_the_request_asks_where_the_label_takes_it(tmp_path: Path) -> None:
    labels = {**LABELS, "clear": Label(challenge_password=ChallengePassword.OTP)}
    async with opened(tmp_path, labels=labels) as house:
        sheet = await registered(house)
        assert sheet.enrollment_code is not None
        code = f"{sheet.account}:{sheet.enrollment_code.reveal()}".encode()

        key_in(await house.est.answer(post("clear/serverkeygen", Csr(challenge=code).body())))
        assert (await house.est.answer(post("clear/serverkeygen", Csr(challenge=b"a:b").body()))).status == 401


async def test_a_gateway_fetches_the_key_of_a_device_that_only_the_device_can_open(tmp_path: Path) -> None:
    labels = {**LABELS, "encryption": Label(ra_clients={"gateway": ("meter-8",)})}
    async with opened(tmp_path, labels=labels) as house:
        await house.signers.turn()
        gateway = Form("device", "CN=gateway", uses=1, account="gateway", profiles=("device", "encryption"))
        await house.desk.register(
            Form("device", "CN=meter-8", uses=1, account="meter-8", profiles=("device", "encryption")), actor="test"
        )
        its_sheet = (await house.desk.register(gateway, actor="test"))[1]
        peer = showing(certificate_in(await house.est.answer(enrolling(its_sheet))))
        made = await house.core.decryption_keys.make("meter-8", actor="test")
        named = attribute(DECRYPT_KEY_ID, asn1.encode_der(made.key_id.encode()))
        subject = x509.Name.from_rfc4514_string("CN=meter-8").public_bytes()
        request = raw_csr([named], subject_der=subject, spki_der=spki(rsa_key()))

        part, certificate = parts(
            await house.est.answer(post("encryption/serverkeygen", base64.encodebytes(request), peer=peer))
        )

        assert certificate.subject.rfc4514_string() == "CN=meter-8"
        secret = ("-secretkey", made.key.reveal(), "-secretkeyid", made.key_id.encode().hex())
        opened_key(house, cms("-decrypt", "-inform", "DER", *secret, message=part.content), certificate)


async def test_nothing_is_made_for_a_spent_code_or_too_often(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet, often = await registered(house), await registered(house)
    certificate_in(await house.est.answer(enrolling(sheet)))
    for _ in range(5):
        key_in(await house.est.answer(asked(often)))
    # A key that was to be made would be refused for this.
    monkeypatch.setattr(desk, "MOST_WAITING", 0)

    spent, crowded = await house.est.answer(asked(sheet)), await house.est.answer(asked(often))

    assert (spent.status, crowded.status) == (403, 429)
    assert b"no uses left" in spent.body
    assert b"5 times in two days" in crowded.body


async def test_no_key_waits_for_an_officer(tmp_path: Path) -> None:
    looked_at = msgspec.structs.replace(CLEAR, approval=ApprovalRule.ALWAYS)
    async with opened(tmp_path, {**PROFILES, "clear": looked_at}) as house:
        sheet = await registered(house)

        reply = await house.est.answer(asked(sheet))

        assert reply.status == 403
        assert b"no key is kept meanwhile" in reply.body
        assert await house.core.journal("enrollment-referred") == []


# -- Enveloped ---------------------------------------------------------------------------------------------


def for_symmetric(key_id: str, *more: ObjectIdentifier) -> bytes:
    named = attribute(DECRYPT_KEY_ID, asn1.encode_der(key_id.encode()))
    return raw_csr([named], spki_der=spki(rsa_key()))


def for_certificate(certificate: x509.Certificate) -> bytes:
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return raw_csr([attribute(ASYMMETRIC_DECRYPT_KEY_ID, asn1.encode_der(key_id))], spki_der=spki(rsa_key()))


@pytest.mark.parametrize("label", ["clear/", "encryption/"])
async def test_who_has_the_decryption_key_opens_it(house: House, label: str) -> None:
    sheet = await registered(house)
    made = await house.core.decryption_keys.make(sheet.account, actor="test")

    part, certificate = parts(await house.est.answer(asked(sheet, for_symmetric(made.key_id), label=label)))

    assert part.content_type == "application/pkcs7-mime; smime-type=server-generated-key"
    secret = ("-secretkey", made.key.reveal(), "-secretkeyid", made.key_id.encode().hex())
    opened_key(house, cms("-decrypt", "-inform", "DER", *secret, message=part.content), certificate)


@pytest.mark.parametrize("holder", [rsa_key(), ec_key()])
async def test_who_holds_a_certificate_opens_it(
    house: House, tmp_path: Path, holder: ec.EllipticCurvePrivateKey
) -> None:
    sheet = await registered(house, uses=2)
    enroll = enrolling(sheet, holder, label="agreeing")
    held = certificate_in(await house.est.answer(enroll))
    key_file, certificate_file = written(tmp_path, holder, held)

    reply = await house.est.answer(asked(sheet, for_certificate(held), label="encryption/"))

    part, certificate = parts(reply)
    mine = ("-recip", certificate_file, "-inkey", key_file)
    opened_key(house, cms("-decrypt", "-inform", "DER", *mine, message=part.content), certificate)


async def test_a_certificate_that_only_signs_receives_no_keys(house: House) -> None:
    sheet = await registered(house, uses=2)
    enroll = enrolling(sheet)
    held = certificate_in(await house.est.answer(enroll))

    reply = await house.est.answer(asked(sheet, for_certificate(held), label="clear/"))

    assert reply.status == 400
    assert b"cannot receive keys" in reply.body


async def test_an_unknown_key_is_refused_and_never_answered_in_the_clear(house: House) -> None:
    sheet, other = await registered(house, uses=None), await registered(house)
    foreign = await house.core.decryption_keys.make(other.account, actor="test")
    enroll = enrolling(other, rsa_key(), label="agreeing")
    theirs = certificate_in(await house.est.answer(enroll))

    for request in (for_symmetric("NOBODY"), for_symmetric(foreign.key_id), for_certificate(theirs)):
        reply = await house.est.answer(asked(sheet, request))
        assert reply.status == 400
        assert b"does not have here" in reply.body
    assert await house.count() == 1


@pytest.mark.parametrize(("key", "kind"), [(rsa_key(), TransportedTo), (ec_key(), AgreedWith), (ed25519_key(), None)])
def test_an_adopted_certificate_may_say_nothing_of_its_key(key: Key, kind: type | None) -> None:
    adopted = certificate_of(key, with_key_id=False)

    assert not desk.is_named(adopted, b"")
    if kind is not None:
        assert isinstance(_recipient_by(adopted), kind)
        return
    with pytest.raises(DecryptionKeyUnknown):
        _recipient_by(adopted)


@pytest.mark.parametrize("fate", ["expired", "revoked", "on hold"])
async def test_a_certificate_that_is_not_good_now_receives_no_keys(house: House, fate: str) -> None:
    sheet = await registered(house, uses=None)
    enroll = enrolling(sheet, rsa_key(), label="agreeing")
    held = certificate_in(await house.est.answer(enroll))
    serial = f"{held.serial_number:040x}"
    match fate:
        case "expired":
            house.clock.move(91 * DAY)
        case "revoked":
            await house.revocations.revoke(serial, Reason.SUPERSEDED, actor="test")
        case _:
            await house.revocations.hold(serial, actor="test")

    assert (await house.est.answer(asked(sheet, for_certificate(held)))).status == 400


async def test_a_recipient_is_looked_for_among_the_newest_only(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = await registered(house, uses=None)
    older = certificate_in(await house.est.answer(enrolling(sheet, rsa_key(), label="agreeing")))
    house.clock.move(1)
    await house.est.answer(enrolling(sheet))
    assert (await house.est.answer(asked(sheet, for_certificate(older)))).status == 200

    monkeypatch.setattr(desk, "MOST_RECIPIENTS", 1)

    assert (await house.est.answer(asked(sheet, for_certificate(older)))).status == 400


async def test_a_new_decryption_key_voids_the_earlier_one(house: House) -> None:
    sheet = await registered(house)
    first = await house.core.decryption_keys.make(sheet.account, actor="test")
    second = await house.core.decryption_keys.make(sheet.account, actor="test")

    assert (await house.est.answer(asked(sheet, for_symmetric(first.key_id)))).status == 400
    assert (await house.est.answer(asked(sheet, for_symmetric(second.key_id)))).status == 200


async def test_nobody_has_no_decryption_key(house: House) -> None:
    with pytest.raises(NotFound, match="soapstone registrations"):
        await house.core.decryption_keys.make("nobody", actor="test")


async def test_a_profile_whose_keys_travel_encrypted_needs_a_key_for_that(house: House) -> None:
    reply = await house.est.answer(
        asked(await registered(house), raw_csr(spki_der=spki(rsa_key())), label="encryption/")
    )

    assert reply.status == 400
    assert b"DecryptKeyIdentifier" in reply.body
    assert await house.count() == 0


async def test_capabilities_that_are_not_ours_make_no_key(house: House) -> None:
    sheet = await registered(house)
    made = await house.core.decryption_keys.make(sheet.account, actor="test")
    capable = attribute(SMIME_CAPABILITIES, bytes.fromhex("300d300b060960864801650304012a")[:-1] + b"\x02")
    named = attribute(DECRYPT_KEY_ID, asn1.encode_der(made.key_id.encode()))

    reply = await house.est.answer(asked(sheet, raw_csr([named, capable], spki_der=spki(rsa_key()))))

    assert reply.status == 400
    assert b"SMIMECapabilities" in reply.body
    assert await house.count() == 0


# -- Whatever comes ----------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2000), octet=st.integers(0, 255), cut=st.booleans())
async def test_no_altered_request_is_answered_with_5xx(house: House, at: int, octet: int, cut: bool) -> None:
    sheet = await registered(house)
    whole = for_symmetric("NOBODY")
    at %= len(whole)
    altered = whole[:at] if cut else whole[:at] + bytes([octet]) + whole[at + 1 :]

    reply = await house.est.answer(asked(sheet, altered))

    assert reply.status in {200, 400, 403, 413}
