"""RFC 7030, 4.2.3: 202 while an officer looks, then the certificate, or 403 with the officer's reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ca_core.policy.profile import ApprovalRule
from protocols.est.dialogue import EstDialogue
from protocols.wire import Reply
from tests.builders.ca_key import enrolling
from tests.builders.est import DAY, LABELS, Csr, House, certificate_in, header, post, services, sheet_basic, showing
from tests.builders.est import house as open_house
from tests.builders.reviewed import OFFICER, approve, reviewed


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, reviewed(ApprovalRule.ALWAYS, "device")) as opened:
        yield opened


def require_waiting(reply: Reply, number: int) -> None:
    assert reply.status == 202
    assert header(reply, "Retry-After") == "15"
    assert header(reply, "Content-Type") == "text/plain; charset=utf-8"
    assert (
        reply.body
        == f"request {number} waits for the registration authority; send the same request again later\n".encode()
    )  # as it is sent


async def test_the_same_request_is_told_to_wait_and_then_gets_the_certificate(house: House) -> None:
    sheet, csr = await house.device(), Csr()
    request = post("simpleenroll", csr.body(), authorization=sheet_basic(sheet))

    replies = await asyncio.gather(*(house.est.answer(request) for _ in range(10)))

    for reply in replies:
        require_waiting(reply, 1)
    await approve(house.core, 1)
    assert certificate_in(await house.est.answer(request)).public_key() == csr.key.public_key()
    assert await house.count() == 1


async def test_what_an_officer_turned_down_is_refused_with_the_reason_and_asks_for_no_password(house: House) -> None:
    sheet = await house.device(uses=None)
    request = post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet))
    await house.est.answer(request)

    await house.core.referrals.reject(1, actor=OFFICER, note="no such meter")

    refused = await house.est.answer(request)
    assert refused.status == 403
    assert b"rejected request 1: no such meter; once that is settled, ask with a new key" in refused.body
    assert "WWW-Authenticate" not in dict(refused.headers)
    require_waiting(await house.est.answer(post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet))), 2)


async def test_a_renewal_waits_as_well(house: House) -> None:
    sheet = await house.device()
    request = post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet))
    await house.est.answer(request)
    await approve(house.core, 1)
    held = certificate_in(await house.est.answer(request))
    house.clock.move(61 * DAY)
    renewal = post("simplereenroll", Csr(subject=held.subject).body(), peer=showing(held))

    require_waiting(await house.est.answer(renewal), 2)

    await approve(house.core, 2)
    assert certificate_in(await house.est.answer(renewal)).serial_number != held.serial_number


async def test_a_certificate_that_is_begun_and_cannot_be_signed_yet_is_waited_for(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        sheet = await house.device()
        request = post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet))
        door, issuer, key = enrolling(house.core)
        est = EstDialogue(replace(services(house.core, LABELS, house.signers), enrollment=door))
        key.rests = True
        assert (await est.answer(request)).status == 503
        key.rests, key.busy = False, True

        waits = await est.answer(request)

        assert waits.status == 202
        assert header(waits, "Retry-After") == "1"
        assert (await est.answer(request)).status == 202
        key.busy = False
        await issuer.finish_left(house.core.profiles)
        assert (await est.answer(request)).status == 200
        assert await house.count() == 1
