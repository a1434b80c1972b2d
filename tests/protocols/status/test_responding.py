"""RFC 6960, appendix A, and RFC 5019 in front of the real responder."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat import asn1
from cryptography.x509 import ocsp as reference

from ca_core import der
from ca_core.errors import StoreUnavailable
from ca_core.revocation.reason import Reason
from protocols.status.responding import LONGEST_SPELLING, MOST_SPELLINGS, OcspDialogue
from protocols.wire import Reply, Request
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.est import CLIENT, header
from tests.builders.ocsp import Answering, answering, asking, cert_id, issued, opened, tagged

TYPE = "application/ocsp-request"


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened_core:
        yield opened_core


@pytest.fixture
async def office(core: Core, tmp_path: Path) -> Answering:
    built = answering(core, tmp_path)
    await built.turn()
    return built


@pytest.fixture
async def request_(core: Core) -> bytes:
    return asking(cert_id(await issued(core), core.authority.issuing))


async def post(dialogue: OcspDialogue, body: bytes, *, path: str = "/ocsp", media_type: str = TYPE) -> Reply:
    return await dialogue.answer(Request("POST", path, {"content-type": media_type}, body, CLIENT))


async def get(dialogue: OcspDialogue, body: bytes, *, method: str = "GET", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await dialogue.answer(Request(method, f"/ocsp/{base64.b64encode(body).decode()}", named, b"", CLIENT))


def status(reply: Reply) -> reference.OCSPResponseStatus:
    assert reply.status == 200
    assert header(reply, "Content-Type") == "application/ocsp-response"
    return opened(reply.body).response_status


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/"])
@pytest.mark.parametrize("media_type", [TYPE, "Application/OCSP-Request; charset=x"])
async def test_a_post_is_answered_and_kept_by_no_cache(
    office: Answering, request_: bytes, path: str, media_type: str
) -> None:
    reply = await post(office.dialogue, request_, path=path, media_type=media_type)

    assert status(reply) is reference.OCSPResponseStatus.SUCCESSFUL
    assert header(reply, "Cache-Control") == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_get_may_be_kept_for_half_a_minute(office: Answering, request_: bytes, method: str) -> None:
    reply = await get(office.dialogue, request_, method=method)

    assert status(reply) is reference.OCSPResponseStatus.SUCCESSFUL
    assert header(reply, "Cache-Control") == "max-age=30, public, no-transform, must-revalidate"


async def test_an_escaped_path_is_the_same_question(office: Answering, request_: bytes) -> None:
    escaped = quote(base64.b64encode(request_).decode(), safe="")
    reply = await office.dialogue.answer(Request("GET", f"/ocsp/{escaped}", {}, b"", CLIENT))

    assert reply.body == (await get(office.dialogue, request_)).body


async def test_the_same_answer_is_given_again_with_a_later_end(core: Core, office: Answering, request_: bytes) -> None:
    first = await get(office.dialogue, request_)
    assert await get(office.dialogue, request_) is first
    core.clock.move(5)

    second = await get(office.dialogue, request_)

    assert second.body == first.body
    assert header(second, "Expires") != header(first, "Expires")
    assert header(second, "ETag") == header(first, "ETag")


async def test_a_post_is_answered_from_what_is_ready(office: Answering, request_: bytes) -> None:
    first = await post(office.dialogue, request_)

    assert await post(office.dialogue, request_) is first
    assert office.dialogue.ready(request_) is first


async def test_who_has_the_answer_already_gets_304(office: Answering, request_: bytes) -> None:
    etag = header(await get(office.dialogue, request_), "ETag") or ""

    assert (await get(office.dialogue, request_, if_none_match=etag)).status == 304
    assert (await get(office.dialogue, request_, if_none_match='"other"')).status == 200


async def test_no_etag_is_matched_where_nothing_may_be_kept(core: Core, office: Answering) -> None:
    unknown = asking(cert_id(4711, core.authority.issuing))

    reply = await get(office.dialogue, unknown, if_none_match="*")

    assert status(reply) is reference.OCSPResponseStatus.SUCCESSFUL
    assert header(reply, "Cache-Control") == "no-store"


async def test_a_change_takes_what_was_ready(core: Core, office: Answering) -> None:
    serial = await issued(core)
    body = asking(cert_id(serial, core.authority.issuing))
    await get(office.dialogue, body)
    await core.revocations.revoke(f"{serial:040x}", Reason.SUPERSEDED, actor="test")

    await office.responder.turn()

    assert opened((await get(office.dialogue, body)).body).certificate_status is reference.OCSPCertStatus.REVOKED


async def test_a_nonce_is_answered_alive_and_kept_by_nobody(core: Core, office: Answering) -> None:
    body = asking(cert_id(await issued(core), core.authority.issuing), nonce=b"n" * 32)

    replies = [await get(office.dialogue, body), await get(office.dialogue, body), await post(office.dialogue, body)]

    assert {header(reply, "Cache-Control") for reply in replies} == {"no-store"}
    assert len({reply.body for reply in replies}) == 3


async def test_what_is_no_request_is_malformed(office: Answering) -> None:
    for reply in (await post(office.dialogue, b"nonsense"), await get(office.dialogue, b"nonsense")):
        assert status(reply) is reference.OCSPResponseStatus.MALFORMED_REQUEST
        assert header(reply, "Cache-Control") == "no-store"


async def test_a_certificate_of_somebody_elses_is_unauthorized(office: Answering) -> None:
    assert status(await post(office.dialogue, asking())) is reference.OCSPResponseStatus.UNAUTHORIZED


async def test_a_store_that_cannot_be_read_is_try_later(
    core: Core, office: Answering, request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> None:
        raise StoreUnavailable("the disk is away", retry_after_seconds=2)

    monkeypatch.setattr(core.database, "read", unreadable)

    reply = await get(office.dialogue, request_)

    assert status(reply) is reference.OCSPResponseStatus.TRY_LATER
    assert header(reply, "Cache-Control") == "no-store"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused_with_those_that_work(office: Answering, method: str) -> None:
    reply = await get(office.dialogue, b"", method=method)

    assert reply.status == 405
    assert header(reply, "Allow") == "GET, HEAD, POST"


async def test_a_post_of_another_type_or_elsewhere_is_refused(office: Answering, request_: bytes) -> None:
    assert (await post(office.dialogue, request_, media_type="")).status == 415
    assert (await post(office.dialogue, request_, path="/ocsp/x")).status == 404


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/"])
async def test_who_just_looks_is_told_what_to_do(office: Answering, path: str) -> None:
    reply = await office.dialogue.answer(Request("GET", path, {}, b"", CLIENT))

    assert reply.status == 400
    assert b"RFC 6960" in reply.body


async def test_many_spellings_of_a_question_are_answered_and_few_of_them_kept(
    office: Answering, request_: bytes
) -> None:
    text = base64.b64encode(request_).decode().rstrip("=")
    spellings = {f"/ocsp/{'/' * slashes}{text}{'=' * blanks}" for slashes in range(40) for blanks in range(40)}
    spellings |= {f"/ocsp/{text[:place]}{chr(10)}{text[place:]}" for place in range(len(text))}
    (body,) = {(await office.dialogue.answer(Request("GET", path, {}, b"", CLIENT))).body for path in spellings}

    kept = {path for path in spellings if office.dialogue.ready(path)}

    assert opened(body).certificate_status is reference.OCSPCertStatus.GOOD
    assert 0 < len(kept) <= MOST_SPELLINGS
    assert office.dialogue.kept_octets <= MOST_SPELLINGS * (LONGEST_SPELLING + len(body))


async def test_under_a_long_path_nothing_is_kept(office: Answering, request_: bytes) -> None:
    text = base64.b64encode(request_).decode()

    for length in range(LONGEST_SPELLING, 7000, 50):
        path = f"/ocsp{'/' * length}{text}"
        assert status(await office.dialogue.answer(Request("GET", path, {}, b"", CLIENT))).name == "SUCCESSFUL"

    assert office.dialogue.kept_octets == 0


@pytest.mark.parametrize("octets", [1, 2000])
async def test_signatures_that_change_fill_no_memory(core: Core, office: Answering, octets: int) -> None:
    one = cert_id(await issued(core), core.authority.issuing)
    for number in range(200):
        anything = der.sequence(asn1.encode_der(number.to_bytes(2) + bytes(octets)))
        signed = asking(one, signature=tagged(0xA0, anything))
        assert status(await post(office.dialogue, signed)) is reference.OCSPResponseStatus.SUCCESSFUL

    assert office.dialogue.kept_octets <= MOST_SPELLINGS * (LONGEST_SPELLING + 2000)
