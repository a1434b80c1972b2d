"""When to renew (draft-ietf-lamps-est-renewal-info; RFC 9773, 4.2), and what one holds (RFC 8295, 3)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core import on_file
from ca_core.identity import serial_text
from ca_core.policy.renewal import Window
from ca_core.registration.desk import Form
from ca_core.revocation.reason import Reason
from protocols.est.dialogue import EstDialogue
from protocols.est.labels import Label
from protocols.wire import Peer, Reply, Request
from tests.builders.certificate_ids import named
from tests.builders.est import (
    CLIENT,
    DAY,
    LABELS,
    Csr,
    House,
    certificate_in,
    certificates_in,
    header,
    post,
    services,
    sheet_basic,
    showing,
)
from tests.builders.est import house as open_house

CURL = {"user-agent": "curl/8.5.0", "accept": "*/*"}
NAME, OTHER = "meter-7.example", "other.example"


def get(path: str, *, authorization: str | None = None, peer: Peer = CLIENT) -> Request:
    headers = CURL if authorization is None else {**CURL, "authorization": authorization}
    return Request("GET", f"/.well-known/est/{path}", headers, b"", peer)


async def enrolled(house: House, name: str = NAME) -> tuple[x509.Certificate, str]:
    """A certificate, and the Authorization that it came by."""
    authorization = sheet_basic(await house.device(NAME, OTHER, uses=None))
    reply = await house.est.answer(post("simpleenroll", Csr(names=[name]).body(), authorization=authorization))
    return certificate_in(reply), authorization


def name_of(certificate: x509.Certificate) -> str:
    return named(certificate.public_bytes(Encoding.DER))


def window(reply: Reply) -> Window:
    assert reply.status == 200, reply
    shown: dict[str, Any] = msgspec.json.decode(reply.body)
    (suggested,) = shown.values()
    return Window(*(int(datetime.fromisoformat(suggested[end]).timestamp()) for end in ("start", "end")))


@pytest.mark.parametrize("path", ["renewal-info/{}", "device/renewal-info/{}"])
async def test_the_window_is_a_slice_of_the_one_in_which_the_core_renews(house: House, path: str) -> None:
    certificate, _ = await enrolled(house)

    reply = await house.est.answer(get(path.format(name_of(certificate))))

    end = int(certificate.not_valid_after_utc.timestamp())
    assert end - 30 * DAY <= window(reply).opens_at < window(reply).closes_at <= end
    assert header(reply, "Retry-After") == "21600"
    assert header(reply, "Content-Type") == "application/json"


async def test_who_shows_a_certificate_need_not_name_it(house: House) -> None:
    certificate, _ = await enrolled(house)

    by_tls = await house.est.answer(get("device/renewal-info", peer=showing(certificate)))
    by_name = await house.est.answer(get(f"renewal-info/{name_of(certificate)}"))
    by_nobody = await house.est.answer(get("renewal-info"))

    assert by_tls == by_name
    assert (by_nobody.status, b"name the certificate" in by_nobody.body) == (403, True)


async def test_a_revoked_certificate_should_have_been_replaced(house: House) -> None:
    certificate, _ = await enrolled(house)
    await house.revocations.revoke(serial_text(certificate.serial_number), Reason.SUPERSEDED, actor="test")

    reply = await house.est.answer(get(f"renewal-info/{name_of(certificate)}"))

    assert window(reply).closes_at <= house.clock.now()
    assert header(reply, "Retry-After") == "3600"


@pytest.mark.parametrize("name", ["", "x", "AAAA.AAAA", "a.b.c"])
async def test_what_names_no_certificate_is_404(house: House, name: str) -> None:
    assert (await house.est.answer(get(f"renewal-info/{name}"))).status == 404


async def test_a_foreign_certificate_is_none_of_ours(house: House) -> None:
    assert (await house.est.answer(get("renewal-info", peer=showing(house.authority.root)))).status == 404
    unreadable = replace_certificate(b"\x30\x00")
    assert (await house.est.answer(get("renewal-info", peer=unreadable))).status == 403


def replace_certificate(der: bytes) -> Peer:
    return msgspec.structs.replace(CLIENT, certificate=der)


async def test_nothing_is_said_about_renewal_unless_a_setting_says_so(house: House) -> None:
    certificate, _ = await enrolled(house)
    silent = EstDialogue(replace(services(house.core, LABELS, house.signers), tells_renewal=False))

    for path in ("renewal-info", f"renewal-info/{name_of(certificate)}"):
        assert (await silent.answer(get(path))).status == 404


async def test_a_holder_gets_what_is_good_now(house: House) -> None:
    first, authorization = await enrolled(house)
    peer = showing(first)
    second = certificate_in(await house.est.answer(post("simpleenroll", Csr(names=[OTHER]).body(), peer=peer)))

    by_code = await house.est.answer(get("eecerts", authorization=authorization))
    by_certificate = await house.est.answer(get("device/eecerts", peer=peer))
    await house.revocations.revoke(serial_text(second.serial_number), Reason.SUPERSEDED, actor="test")
    afterwards = await house.est.answer(get("device/eecerts", peer=peer))

    assert set(certificates_in(by_code)) == {first, second}
    assert certificates_in(by_certificate) == certificates_in(by_code)
    assert certificates_in(afterwards) == [first]
    assert header(by_code, "Content-Type") == "application/pkcs7-mime; smime-type=certs-only"


async def test_of_many_the_newest_are_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_file, "MOST_HELD", 1)
    first, authorization = await enrolled(house)
    house.clock.move(60)
    newest = certificate_in(
        await house.est.answer(post("simpleenroll", Csr(names=[OTHER]).body(), peer=showing(first)))
    )

    assert certificates_in(await house.est.answer(get("eecerts", authorization=authorization))) == [newest]


PEERS = {"device": Label(peers={"meter-7": ("head-end", "nobody", "meter-9")})}


async def peer(opened: House, account: str) -> tuple[x509.Certificate, str]:
    """A certificate of another registration, and the Authorization that it came by."""
    form = Form("device", f"CN={account},C=TW", uses=None, account=account)
    _, sheet = await opened.desk.register(form, actor="test")
    reply = await opened.est.answer(post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet)))
    return certificate_in(reply), sheet_basic(sheet)


@pytest.mark.parametrize("path", ["eecerts", "device/eecerts"])
async def test_a_client_gets_the_certificates_of_its_peers(tmp_path: Path, path: str) -> None:
    """RFC 8295, 3.2."""
    async with open_house(tmp_path, labels=PEERS) as opened:
        form = Form("device", "CN=meter-7,C=TW", uses=None, account="meter-7")
        authorization = sheet_basic((await opened.desk.register(form, actor="test"))[1])
        before = await opened.est.answer(get(path, authorization=authorization))
        (head_end, _), (meter_9, its_code), _ = [await peer(opened, one) for one in ("head-end", "meter-9", "other")]

        both = await opened.est.answer(get(path, authorization=authorization))
        await opened.desk.suspend("meter-9", actor="test")
        one = await opened.est.answer(get(path, authorization=authorization))
        await opened.desk.resume("meter-9", actor="test")
        own = await opened.est.answer(get(path, authorization=its_code))

    assert before.status == 204
    assert set(certificates_in(both)) == {head_end, meter_9}
    assert certificates_in(one) == [head_end]
    # Who has no peers here learns what it holds itself.
    assert certificates_in(own) == [meter_9]


async def test_who_holds_nothing_gets_nothing_and_who_is_nobody_is_asked(house: House) -> None:
    certificate, authorization = await enrolled(house)
    house.clock.move(91 * DAY)

    of_another_profile = await house.est.answer(get("signing/eecerts", authorization=authorization))
    expired = await house.est.answer(get("eecerts", authorization=authorization))
    by_the_expired = await house.est.answer(get("eecerts", peer=showing(certificate)))
    nobody = await house.est.answer(get("eecerts"))

    assert (of_another_profile.status, expired.status, expired.body) == (204, 204, b"")
    assert (by_the_expired.status, nobody.status) == (403, 401)


@pytest.mark.parametrize("path", ["crls", "tls-server/crls"])
async def test_everybody_gets_the_crls_in_one_message(house: House, path: str) -> None:
    before = await house.est.answer(get(path))
    await house.core.publisher.publish_all()

    reply = await house.est.answer(get(path))

    content = cms.ContentInfo.load(base64.b64decode(reply.body), strict=True)["content"]
    published = (await house.core.publisher.newest("issuing")).der
    assert before.status == 204
    assert [crl.chosen.dump() for crl in content["crls"]] == [published]
    assert content["version"].native == "v1"
    assert content["certificates"].native is None
    assert len(content["signer_infos"]) == len(content["digest_algorithms"]) == 0
    assert header(reply, "Cache-Control") == "public, max-age=30"
    etag = header(reply, "ETag") or ""
    again = Request("GET", f"/.well-known/est/{path}", {**CURL, "if-none-match": etag}, b"", CLIENT)
    assert (await house.est.answer(again)).status == 304


async def test_all_who_ask_for_the_crls_share_one_copy_until_there_is_a_newer_one(house: House) -> None:
    await house.core.publisher.publish_all()
    first, second = [await house.est.answer(get("crls")) for _ in range(2)]
    await house.core.publisher.publish_all()

    third = await house.est.answer(get("crls"))

    assert first.body is second.body
    assert third.body != first.body
