"""Whoever works at the registration authority, as the composition root hands it to desk, API and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ca_core.clock import Clock
from ca_core.policy.profile import Profile
from ca_core.referral.desk import ReferralDesk
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.desk import Desk
from ca_core.registration.kind import Kinds
from ca_core.revocation.desk import RevocationDesk
from ca_core.staff.amendments import Amendments
from ca_core.staff.approvals import Approvals
from ca_core.staff.decisions import Decisions
from ca_core.staff.dossiers import Dossiers
from ca_core.staff.holding import Holding
from ca_core.staff.looking import Looking
from ca_core.staff.officer_passkeys import OfficerPasskeys
from ca_core.staff.officers import Officers
from ca_core.staff.repeats import Repeats
from ca_core.staff.tokens import Tokens
from ca_core.staff.waiting import WaitingList
from ca_core.store.database import Database


@dataclass(frozen=True)
class Staff:
    """Officers, the tokens of integrators, and what needs the consent of several."""

    officers: Officers
    passkeys: OfficerPasskeys
    tokens: Tokens
    approvals: Approvals
    amendments: Amendments
    decisions: Decisions
    waiting: WaitingList
    dossiers: Dossiers
    holding: Holding
    looking: Looking
    repeats: Repeats


def staff(
    database: Database,
    clock: Clock,
    keeper: SecretKeeper,
    kinds: Kinds,
    *,
    desk: Desk,
    revocations: RevocationDesk,
    referrals: ReferralDesk,
    profiles: Mapping[str, Profile],
    window_days: int,
) -> Staff:
    """Build it over the desks."""
    approvals = Approvals(database, clock, desk, revocations, kinds)
    return Staff(
        officers=Officers(database, clock, desk, revocations),
        passkeys=OfficerPasskeys(database, clock, keeper),
        tokens=Tokens(database, clock, keeper),
        approvals=approvals,
        amendments=Amendments(database, clock, desk, kinds),
        decisions=Decisions(database, referrals, revocations, approvals),
        waiting=WaitingList(database, kinds),
        dossiers=Dossiers(database, kinds),
        holding=Holding(database, revocations),
        repeats=Repeats(database, clock),
        looking=Looking(database, clock, profiles, window_days=window_days),
    )
