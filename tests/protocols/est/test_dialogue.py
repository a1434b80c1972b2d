"""RFC 7030, 3.2.2 and 4.1: paths, methods, media types, and the CA's certificates."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from ca_core.errors import BadRequest
from protocols.est.dialogue import EstDialogue
from protocols.wire import Request
from tests.builders.est import (
    CLIENT,
    HELP_BASE,
    LABELS,
    Csr,
    House,
    certificates_in,
    header,
    post,
    services,
    sheet_basic,
)

CURL = {"user-agent": "curl/8.5.0", "accept": "*/*"}
PATHS = ("/.well-known/est/{}", "/.well-known/est/device/{}", "/device/.well-known/est/{}")


def get(path: str, *, method: str = "GET", headers: dict[str, str] = CURL) -> Request:
    return Request(method, path, headers, b"", CLIENT)


@pytest.mark.parametrize("path", PATHS)
async def test_anybody_gets_the_ca_certificates(house: House, path: str) -> None:
    reply = await house.est.answer(get(path.format("cacerts")))

    assert set(certificates_in(reply)) == {house.authority.issuing, house.authority.root}
    assert header(reply, "Content-Type") == "application/pkcs7-mime; smime-type=certs-only"
    assert header(reply, "Content-Transfer-Encoding") == "base64"


async def test_who_has_the_ca_certificates_already_is_told_so(house: House) -> None:
    first = await house.est.answer(get("/.well-known/est/cacerts"))
    etag = header(first, "ETag")
    assert etag is not None

    again = await house.est.answer(get("/.well-known/est/cacerts", headers={**CURL, "if-none-match": etag}))
    for_strongswan = await house.est.answer(get("/.well-known/est/cacerts", headers={"if-none-match": etag}))

    assert header(first, "Cache-Control") == "public, max-age=3600"
    assert (again.status, again.body, header(again, "ETag")) == (304, b"", etag)
    assert for_strongswan.status == 200


async def test_a_ca_that_comes_is_seen_at_once(house: House) -> None:
    known = [house.authority.root]
    changing = replace(services(house.core, LABELS, house.signers), ca_certificates=lambda: tuple(known))
    est = EstDialogue(changing)
    before = await est.answer(get("/.well-known/est/cacerts"))
    known.append(house.authority.issuing)

    after = await est.answer(get("/.well-known/est/cacerts"))

    assert set(certificates_in(before)) == {house.authority.root}
    assert set(certificates_in(after)) == {house.authority.root, house.authority.issuing}
    assert header(before, "ETag") != header(after, "ETag")


@pytest.mark.parametrize(("label", "vary"), [("device", "Accept, User-Agent"), ("tls-server", None)])
async def test_caches_are_told_where_the_layout_follows_the_client(house: House, label: str, vary: str | None) -> None:
    reply = await house.est.answer(get(f"/.well-known/est/{label}/cacerts"))

    assert header(reply, "Vary") == vary


async def test_head_is_answered_like_get(house: House) -> None:
    path = "/.well-known/est/cacerts"

    assert await house.est.answer(get(path, method="HEAD")) == await house.est.answer(get(path))


@pytest.mark.parametrize(
    ("path", "headers", "single_line"),
    [
        ("/.well-known/est/cacerts", CURL, False),
        ("/.well-known/est/cacerts", {}, True),
        ("/.well-known/est/device/cacerts", {}, True),
        ("/.well-known/est/tls-server/cacerts", {}, False),
        ("/.well-known/est/signing/cacerts", CURL, True),
    ],
)
async def test_the_layout_follows_the_label_and_else_the_client(
    house: House, path: str, headers: dict[str, str], single_line: bool
) -> None:
    reply = await house.est.answer(get(path, headers=headers))

    assert (reply.body.count(b"\n") == 1) is single_line


async def test_the_answer_fits_what_strongswan_reads(house: House) -> None:
    reply = await house.est.answer(get("/.well-known/est/cacerts"))

    assert len(reply.body) < 16 * 1024
    assert sum(len(name) + len(value) + 4 for name, value in reply.headers) < 512


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/est/unknown/cacerts",
        "/unknown/.well-known/est/cacerts",
        "/.well-known/est//cacerts",
        "/.well-known/est/own-tls/simpleenroll",
        "/.well-known/est/device/device/cacerts",
        "/.well-known/est/cacerts/",
        "/.well-known/est/",
        "/.well-known/est",
        "/.well-known/acme/cacerts",
        "/.well-known/est/device/startpage",
        "/.well-known/est/fullcmc",
        "/",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_there_is_404(house: House, path: str, method: str) -> None:
    reply = await house.est.answer(get(path, method=method))

    assert reply.status == 404
    assert header(reply, "Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("operation", "method", "allow"),
    [
        ("cacerts", "POST", "GET, HEAD"),
        ("simpleenroll", "GET", "POST"),
        ("simpleenroll", "HEAD", "POST"),
        ("simplereenroll", "PUT", "POST"),
    ],
)
async def test_a_wrong_method_is_405_and_told_the_right_ones(
    house: House, path: str, operation: str, method: str, allow: str
) -> None:
    reply = await house.est.answer(get(path.format(operation), method=method))

    assert reply.status == 405
    assert header(reply, "Allow") == allow


@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll"])
async def test_media_type_and_size_are_judged_before_anybody_is_asked_who_they_are(
    house: House, operation: str
) -> None:
    wrong_type = await house.est.answer(post(operation, b"", media_type="text/plain"))
    too_large = await house.est.answer(post(operation, bytes(65537)))

    assert (wrong_type.status, too_large.status) == (415, 413)


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_enrolls(house: House, path: str) -> None:
    sheet = await house.device()
    request = post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet))
    moved = Request("POST", path.format("simpleenroll"), request.headers, request.body, request.peer)

    assert len(certificates_in(await house.est.answer(moved))) == 1


@pytest.mark.parametrize("written", [base64.b64encode, base64.encodebytes, lambda der: base64.b64encode(der) + b"\r\n"])
async def test_every_layout_of_a_body_is_read(house: House, written: Callable[[bytes], bytes]) -> None:
    sheet = await house.device()

    reply = await house.est.answer(post("simpleenroll", written(Csr().der()), authorization=sheet_basic(sheet)))

    assert reply.status == 200


@pytest.mark.parametrize("value", ["base64", "binary", "7bit", "quoted-printable", "nonsense"])
async def test_what_a_request_says_of_its_transfer_encoding_counts_for_nothing(house: House, value: str) -> None:
    """RFC 8951, 3."""
    plain = post("simpleenroll", Csr().body(), authorization=sheet_basic(await house.device()))
    headers = {**plain.headers, "content-transfer-encoding": value}

    reply = await house.est.answer(msgspec.structs.replace(plain, headers=headers))

    assert len(certificates_in(reply)) == 1


async def test_a_bug_shows_its_reference_number_only(house: House) -> None:
    assert house.est.bug_reply("4711").body.startswith(b"internal error, reference 4711; see ")


async def test_a_request_that_could_not_be_read_is_refused_in_ests_form(house: House) -> None:
    reply = house.est.refuse(BadRequest("not framed as its headers say"))

    assert (reply.status, reply.body) == (
        400,
        f"not framed as its headers say; see {HELP_BASE}/help/bad-request\n".encode(),
    )
