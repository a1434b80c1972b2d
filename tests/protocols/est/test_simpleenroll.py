"""RFC 7030, 4.2.1 and 4.2.3: a first certificate, by enrollment code or by a certificate that is held."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca_core.registration.sheet import Sheet
from protocols.wire import Peer, Request
from tests.builders.csr import rsa_key
from tests.builders.est import (
    CLIENT,
    DAY,
    Csr,
    House,
    basic,
    certificate_in,
    header,
    post,
    sheet_basic,
    showing,
)

TLS_UNIQUE = bytes(range(12))
BOUND = Peer(CLIENT.address, tls_unique=TLS_UNIQUE)


def enroll(sheet: Sheet, body: bytes, *, peer: Peer = CLIENT, label: str = "") -> Request:
    return post(f"{label}simpleenroll", body, authorization=sheet_basic(sheet), peer=peer)


def body_of(der: bytes) -> bytes:
    return base64.encodebytes(der)


async def test_a_code_brings_one_certificate_with_the_registered_subject_and_the_requested_key(
    house: House,
) -> None:
    sheet = await house.device("meter-7.example")
    csr = Csr(names=["meter-7.example"])

    reply = await house.est.answer(enroll(sheet, csr.body()))

    certificate = certificate_in(reply)
    certificate.verify_directly_issued_by(house.authority.issuing)
    assert certificate.public_key() == csr.key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=meter-7,O=Example,C=TW"
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == ["meter-7.example"]


async def test_the_identical_request_again_brings_the_identical_certificate_though_the_code_is_spent(
    house: House,
) -> None:
    sheet = await house.device(uses=1)
    request = enroll(sheet, Csr().body())
    first = await house.est.answer(request)

    again = await house.est.answer(request)

    assert again == first
    assert await house.count() == 1


async def test_the_same_key_in_a_request_that_was_signed_anew_brings_the_identical_certificate(
    house: House,
) -> None:
    # What libest and strongSwan send after a lost answer: tls-unique is another one, and so are the bytes.
    sheet = await house.device(uses=1)
    csr = Csr()
    first = await house.est.answer(enroll(sheet, csr.body()))
    proof = base64.b64encode(TLS_UNIQUE)

    again = await house.est.answer(enroll(sheet, Csr(key=csr.key, challenge=proof).body(), peer=BOUND))

    assert again == first


async def test_parallel_identical_requests_make_one_certificate(house: House) -> None:
    sheet = await house.device(uses=1)
    request = enroll(sheet, Csr().body())

    replies = await asyncio.gather(*(house.est.answer(request) for _ in range(20)))

    assert await house.count() == 1
    assert len({reply.body for reply in replies if reply.status == 200}) == 1
    # Who came while it was being signed is asked to come again (RFC 7030, 4.2.3).
    waiting = [reply for reply in replies if reply.status != 200]
    assert all((reply.status, header(reply, "Retry-After")) == (202, "5") for reply in waiting)


async def test_a_spent_code_enrolls_no_other_key(house: House) -> None:
    sheet = await house.device("a.example", "b.example", uses=1)
    await house.est.answer(enroll(sheet, Csr(names=["a.example"]).body()))

    reply = await house.est.answer(enroll(sheet, Csr(names=["b.example"]).body()))

    assert reply.status == 403
    assert b"no uses left" in reply.body


async def test_an_expired_code_is_told_so(house: House) -> None:
    sheet = await house.device()
    house.clock.move(366 * DAY)

    reply = await house.est.answer(enroll(sheet, Csr().body()))

    assert reply.status == 403
    assert b"has expired" in reply.body


async def test_a_second_certificate_before_the_window_is_429_with_the_opening_date(house: House) -> None:
    sheet = await house.device(uses=None)
    await house.est.answer(enroll(sheet, Csr().body()))

    reply = await house.est.answer(enroll(sheet, Csr().body()))

    assert reply.status == 429
    assert 59 * DAY < int(header(reply, "Retry-After") or "") <= 60 * DAY
    assert b"window opens on 2030-" in reply.body


async def test_nobody_is_asked_for_a_password_once(house: House) -> None:
    reply = await house.est.answer(post("simpleenroll", Csr().body()))

    assert reply.status == 401
    assert header(reply, "WWW-Authenticate") == 'Basic realm="soapstone EST", charset="UTF-8"'


async def test_a_client_certificate_is_enough(house: House) -> None:
    sheet = await house.device("a.example", "b.example")
    held = certificate_in(await house.est.answer(enroll(sheet, Csr(names=["a.example"]).body())))

    reply = await house.est.answer(post("simpleenroll", Csr(names=["b.example"]).body(), peer=showing(held)))

    assert reply.status == 200


async def test_an_expired_client_certificate_never_authenticates(house: House) -> None:
    sheet = await house.device()
    held = certificate_in(await house.est.answer(enroll(sheet, Csr().body())))
    house.clock.move(91 * DAY)

    reply = await house.est.answer(post("simpleenroll", Csr().body(), peer=showing(held)))

    assert reply.status == 403
    assert b"has expired" in reply.body
    assert await house.count() == 1


async def test_a_new_code_counts_though_the_client_shows_its_expired_certificate(house: House) -> None:
    sheet = await house.device()
    held = certificate_in(await house.est.answer(enroll(sheet, Csr().body())))
    house.clock.move(91 * DAY)
    sheet = await house.desk.new_sheet(sheet.account, actor="test")

    reply = await house.est.answer(enroll(sheet, Csr().body(), peer=showing(held)))

    assert reply.status == 200


async def test_a_wrong_code_is_not_mended_by_a_client_certificate(house: House) -> None:
    sheet = await house.device("a.example", "b.example")
    held = certificate_in(await house.est.answer(enroll(sheet, Csr(names=["a.example"]).body())))
    wrong = basic(sheet.account, "wrong")

    reply = await house.est.answer(
        post("simpleenroll", Csr(names=["b.example"]).body(), authorization=wrong, peer=showing(held))
    )

    assert reply.status == 401


@pytest.mark.parametrize("certificate", [b"", b"no certificate"])
async def test_a_client_certificate_that_cannot_be_read_is_403(house: House, certificate: bytes) -> None:
    reply = await house.est.answer(
        post("simpleenroll", Csr().body(), peer=Peer(CLIENT.address, certificate=certificate))
    )

    assert reply.status == 403


async def test_a_certificate_of_the_ca_itself_is_nobodys(house: House) -> None:
    reply = await house.est.answer(post("simpleenroll", Csr().body(), peer=showing(house.authority.issuing)))

    assert reply.status == 403


@pytest.mark.parametrize("stop", ["suspend", "close"])
async def test_a_stopped_registration_is_403_with_the_reason_and_asks_for_no_password(house: House, stop: str) -> None:
    sheet = await house.device()
    await getattr(house.desk, stop)(sheet.account, actor="test")

    reply = await house.est.answer(enroll(sheet, Csr().body()))

    assert reply.status == 403
    assert header(reply, "WWW-Authenticate") is None
    assert b"registration is " in reply.body
    assert await house.count() == 0


async def test_an_unknown_account_and_a_wrong_code_are_answered_alike(house: House) -> None:
    sheet = await house.device()
    replies = [
        await house.est.answer(post("simpleenroll", Csr().body(), authorization=authorization))
        for authorization in (basic("nobody", "wrong"), basic(sheet.account, "wrong"), "Basic !")
    ]

    assert replies[0].status == 401
    assert replies == [replies[0]] * 3


async def test_a_source_that_guesses_too_often_is_429(house: House) -> None:
    request = post("simpleenroll", Csr().body(), authorization=basic("nobody", "wrong"))
    statuses = [(await house.est.answer(request)).status for _ in range(31)]

    assert statuses == [401] * 30 + [429]


async def test_a_label_asks_for_a_profile_that_must_be_granted(house: House) -> None:
    sheet = await house.device("a.example")

    reply = await house.est.answer(enroll(sheet, Csr(names=["a.example"]).body(), label="tls-server/"))

    assert reply.status == 403
    assert b"profile" in reply.body


def not_base64() -> bytes:
    return b"{}"


def broken_der() -> bytes:
    return body_of(Csr().der()[:-1])


def trailing_octets() -> bytes:
    return body_of(Csr().der() + b"\0")


def bad_signature() -> bytes:
    der = Csr().der()
    return body_of(der[:-1] + bytes([der[-1] ^ 1]))


def weak_key() -> bytes:
    return Csr(key=rsa_key(1024)).body()


def name_not_granted() -> bytes:
    return Csr(names=["a.example", "other.example"]).body()


def ca_certificate() -> bytes:
    return Csr(names=["a.example"], is_ca=True).body()


def bound_to_nothing() -> bytes:
    return Csr(names=["a.example"], challenge=base64.b64encode(TLS_UNIQUE)).body()


@pytest.mark.parametrize(
    ("bad", "status", "reason"),
    [
        (bytes, 400, b"cannot be read"),
        (not_base64, 400, b"not base64"),
        (broken_der, 400, b"cannot be read"),
        (trailing_octets, 400, b"cannot be read"),
        (bad_signature, 400, b"signature"),
        (weak_key, 400, b"1024"),
        (name_not_granted, 403, b"other.example is not registered"),
        (ca_certificate, 400, b"CA certificate"),
        (bound_to_nothing, 400, b"no channel binding"),
    ],
)
async def test_a_bad_request_gets_its_reason_and_changes_nothing(
    house: House, bad: Callable[[], bytes], status: int, reason: bytes
) -> None:
    sheet = await house.device("a.example", uses=1)

    reply = await house.est.answer(enroll(sheet, bad()))

    assert reply.status == status
    assert reason in reply.body
    assert await house.count() == 0
    # The one use of the code is still there.
    assert (await house.est.answer(enroll(sheet, Csr(names=["a.example"]).body()))).status == 200


@pytest.mark.parametrize(
    ("challenge", "status"),
    [
        (base64.b64encode(TLS_UNIQUE), 200),
        (base64.b64encode(TLS_UNIQUE) + b"AAAA", 403),
        (base64.b64encode(bytes(12)), 403),
    ],
)
async def test_a_challenge_password_must_be_this_connections(house: House, challenge: bytes, status: int) -> None:
    sheet = await house.device()

    reply = await house.est.answer(enroll(sheet, Csr(challenge=challenge).body(), peer=BOUND))

    assert reply.status == status


VALID = Csr().der()


@given(
    st.one_of(
        st.binary(),
        st.binary().map(body_of),
        st.tuples(st.integers(0, len(VALID) - 1), st.binary(max_size=4)).map(
            lambda cut: body_of(VALID[: cut[0]] + cut[1] + VALID[cut[0] + len(cut[1]) + 1 :])
        ),
    )
)
# No example changes the house, as the test before this one shows.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_is_answered_by_an_error_of_ours(house: House, body: bytes) -> None:
    sheet = await house.device()

    reply = await house.est.answer(enroll(sheet, body))

    assert 200 <= reply.status < 500
