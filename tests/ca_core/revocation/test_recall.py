"""Certificates that are to be replaced before their time (RFC 9773), at the core's one door."""

from __future__ import annotations

import msgspec
import pytest
from cryptography import x509

from ca_core.applicant import Applicant, Door
from ca_core.errors import TooEarly
from ca_core.policy.request import CertificationRequest, parse
from ca_core.revocation.bulk import BATCH, BulkRevocation
from ca_core.revocation.reason import Reason
from ca_core.revocation.recall import Recall
from ca_core.revocation.selector import Selector
from ca_core.store.certificates import Certificate
from tests.builders.core import Core
from tests.builders.est import Csr

EVERY = Selector(profile="device")


def asking(account: str) -> CertificationRequest:
    return parse(Csr(subject=x509.Name.from_rfc4514_string(f"CN={account},O=Example,C=TW")).der())


async def device(core: Core, account: str) -> tuple[Applicant, Certificate]:
    """A device that proves itself with the certificate that it has just got."""
    sheet = await core.register(account, kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="192.0.2.1", door=Door.EST)
    issued = await core.enroll(who, asking(account))
    by = await core.sign_in.by_certificate(issued.der, int(issued.serial, 16), source="192.0.2.1", door=Door.EST)
    return by, issued


async def recall(core: Core, selector: Selector = EVERY, *, undo: bool = False) -> int:
    found = await BulkRevocation(core.database, core.clock).find(selector, Reason.SUPERSEDED)
    return await Recall(core.database, core.clock).run(found.certificates, selector, actor="test", undo=undo)


async def test_a_recalled_device_renews_at_once(core: Core) -> None:
    who, issued = await device(core, "acc")
    asked = asking("acc")
    with pytest.raises(TooEarly):
        await core.renew(who, asked)

    assert await recall(core) == 1
    renewed = await core.renew(who, asked)

    assert renewed.replaces == issued.serial
    (event,) = await core.journal("certificates-recalled")
    assert (event.actor, event.detail["count"], event.detail["last_serial"]) == ("test", 1, issued.serial)


async def test_others_wait_as_before(core: Core) -> None:
    who, _ = await device(core, "acc")
    _, other = await device(core, "other")

    assert await recall(core, Selector(serials=frozenset({other.serial}))) == 1

    with pytest.raises(TooEarly):
        await core.renew(who, asking("acc"))


async def test_a_recall_that_is_taken_back_leaves_nothing(core: Core) -> None:
    who, _ = await device(core, "acc")
    await recall(core)

    assert await recall(core, undo=True) == 1

    with pytest.raises(TooEarly):
        await core.renew(who, asking("acc"))
    assert [event.detail["taken_back"] for event in await core.journal("certificates-recalled")] == [False, True]


async def test_many_are_recalled_batch_by_batch(core: Core) -> None:
    _, issued = await device(core, "acc")
    gone = [msgspec.structs.replace(issued, serial=f"{number:040x}") for number in range(BATCH)]

    changed = await Recall(core.database, core.clock).run((*gone, issued), EVERY, actor="test")

    assert changed == 1
