"""Whoever made a secret has seen it, and could ask with it: they do not decide what it asks for (decision 053)."""

from __future__ import annotations

from ca_core.audit import journal
from ca_core.errors import OwnRequest
from ca_core.referral.request import EnrollmentRequest
from ca_core.staff.events import OwnSecretApproved
from ca_core.staff.request import is_own
from ca_core.staff.role import MAY, Action, name_in
from ca_core.store import credentials, officers
from ca_core.store.database import Transaction


async def require_other_hands(
    tx: Transaction, asked: EnrollmentRequest, realm: str, *, needed: int, actor: str, now: int
) -> None:
    """Let nobody agree who made the secret that asks, as far as the store knows, while enough others could.

    Where there are not, the vote counts, and the journal says so.

    Args:
        realm: the registration's.
        needed: how many must agree.
        actor: who votes, as the journal writes it.

    Raises:
        OwnRequest: they made it.
    """
    makers = await credentials.makers(tx, asked.registration_id, asked.credential_id, at=asked.requested_at)
    if not any(is_own(made_by, actor) for made_by in makers):
        return
    known = {name_in(made_by) for made_by in makers}
    at_work = await officers.at_work(tx, realm, now=now)
    others = [one.name for one in at_work if Action.APPROVE in MAY[one.role] and one.name not in known]
    if len(others) >= needed:
        raise OwnRequest(asked.number, by_secret=True)
    event = OwnSecretApproved(asked.number, len(others), needed)
    await journal.record(tx, event, now=now, actor=actor, registration_id=asked.registration_id)
