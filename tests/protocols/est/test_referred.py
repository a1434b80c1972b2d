"""RFC 7030, 4.2.3: 202 while an officer looks, then the certificate, or 403 with the officer's reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ca_core.policy.profile import BUILT_IN, ApprovalRule
from ca_core.registration.desk import Form
from ca_core.registration.sheet import Sheet
from protocols.est.dialogue import EstDialogue
from protocols.est.labels import ClientCertificate, Label
from protocols.wire import Reply
from tests.builders.ca_key import enrolling
from tests.builders.est import (
    DAY,
    HELP_BASE,
    LABELS,
    Csr,
    House,
    certificate_in,
    header,
    post,
    services,
    sheet_basic,
    showing,
)
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
    said = f"request {number} waits for the registration authority; send the same request again later"
    assert reply.body == f"{said}; see {HELP_BASE}/help/waiting\n".encode()  # as it is sent


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


@dataclass(frozen=True)
class Forgetful:
    """A device whose default is another profile than `gate`, and which says once only that it wants that."""

    house: House
    sheet: Sheet
    csr: Csr

    async def ask(self, path: str, csr: Csr | None = None, **also: Any) -> Reply:
        body = (csr or self.csr).body()
        return await self.house.est.answer(post(path, body, authorization=sheet_basic(self.sheet), **also))

    async def issued(self) -> list[str]:
        return [one.profile for one in await self.house.core.certificates()]


@asynccontextmanager
async def forgetful(folder: Path, label: Label | None = None) -> AsyncIterator[Forgetful]:
    gate = msgspec.structs.replace(BUILT_IN["device"], name="gate", approval=ApprovalRule.ALWAYS)
    labels = {**LABELS, "gate": label or Label()}
    async with open_house(folder, {**BUILT_IN, "gate": gate}, labels) as house:
        form = Form("device", "CN=meter-7,O=Example,C=TW", uses=3, profiles=("device", "gate"))
        yield Forgetful(house, (await house.desk.register(form, actor="test"))[1], Csr())


async def test_who_forgets_the_label_while_waiting_is_known_by_the_key(tmp_path: Path) -> None:
    async with forgetful(tmp_path) as device:
        require_waiting(await device.ask("gate/simpleenroll"), 1)

        require_waiting(await device.ask("simpleenroll"), 1)

        await approve(device.house.core, 1)
        certificates = [certificate_in(await device.ask(f"{label}simpleenroll")) for label in ("", "gate/", "")]
        assert len(set(certificates)) == 1
        assert await device.issued() == ["gate"]


async def test_who_forgets_the_label_is_told_the_rejection(tmp_path: Path) -> None:
    async with forgetful(tmp_path) as device:
        await device.ask("gate/simpleenroll")
        await device.house.core.referrals.reject(1, actor=OFFICER, note="no such meter")

        reply = await device.ask("simpleenroll")

        assert (reply.status, b"no such meter" in reply.body) == (403, True)
        assert await device.issued() == []


async def test_without_a_label_another_key_and_a_later_day_mean_the_default(tmp_path: Path) -> None:
    async with forgetful(tmp_path) as device:
        await device.ask("gate/simpleenroll")
        assert (await device.ask("simpleenroll", Csr())).status == 200
        # Of certificates of one second nothing says which is older.
        device.house.clock.move(1)
        await approve(device.house.core, 1)
        await device.ask("gate/simpleenroll")
        device.house.clock.move(61 * DAY)

        assert (await device.ask("simpleenroll")).status == 200

        assert await device.issued() == ["device", "gate", "device"]


async def test_without_a_label_the_default_is_delivered_again_also_while_another_waits(tmp_path: Path) -> None:
    async with forgetful(tmp_path) as device:
        first = certificate_in(await device.ask("simpleenroll"))
        require_waiting(await device.ask("gate/simpleenroll"), 1)

        again = certificate_in(await device.ask("simpleenroll"))

        assert again == first


async def test_to_forget_the_label_is_no_way_around_what_it_demands(tmp_path: Path) -> None:
    async with forgetful(tmp_path, Label(client_certificate=ClientCertificate.REQUIRED)) as device:
        held = certificate_in(await device.ask("simpleenroll", Csr()))
        require_waiting(await device.ask("gate/simpleenroll", peer=showing(held)), 1)

        bare, shown = await device.ask("simpleenroll"), await device.ask("simpleenroll", peer=showing(held))

        assert (bare.status, shown.status) == (403, 202)


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
