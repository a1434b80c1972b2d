"""Profiles whose certificates an officer looks at, and the officer."""

from __future__ import annotations

import msgspec

from ca_core.policy.profile import BUILT_IN, ApprovalRule, Profile
from ca_core.referral.request import EnrollmentRequest, Referred
from ca_core.work.item import ISSUE_APPROVED, Item
from ca_core.work.queue import Pace, work_by_subject
from protocols.acme.records import orders
from tests.builders.core import Core

OFFICER = "cli:operator:olivia"


def reviewed(rule: ApprovalRule, *names: str) -> dict[str, Profile]:
    """The built-in profiles, with some of them looked at."""
    return {
        name: msgspec.structs.replace(profile, approval=rule) if name in names else profile
        for name, profile in BUILT_IN.items()
    }


def referred(outcome: object) -> Referred:
    assert isinstance(outcome, Referred), outcome
    return outcome


async def stored(core: Core, number: int) -> EnrollmentRequest:
    found = await core.referrals.request(number)
    assert found is not None
    return found


async def work(core: Core) -> int:
    """What the running server's worker does in one turn; returns how many items were done."""

    async def issue(items: list[Item]) -> None:
        await core.enrollment.issue_approved(int(items[0].subject), orders.still_wanted)

    return await work_by_subject(core.database, core.clock, ISSUE_APPROVED, issue, pace=Pace())


async def approve(core: Core, number: int) -> None:
    """An officer agrees, and the worker has its turn."""
    await core.referrals.approve(number, actor=OFFICER, note="seen")
    await work(core)
