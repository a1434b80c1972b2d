"""What making a key stands on, looked at in the transaction that acts on it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ca_core import names as names_module
from ca_core.applicant import Applicant
from ca_core.audit import journal
from ca_core.errors import InProgress, KeyNotMade, Throttled, TooEarly, WrongSecret
from ca_core.made_keys.events import KeyMade
from ca_core.policy.decision import Holding, Wish
from ca_core.policy.key_types import key_name
from ca_core.policy.profile import SECONDS_PER_DAY, KeyMaking, Profile
from ca_core.policy.request import CertificationRequest
from ca_core.registration.credential import Credential
from ca_core.revocation import acts
from ca_core.revocation.acts import Act
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.store import certificates, credentials, holds, made_keys
from ca_core.store.certificates import Intention
from ca_core.store.database import Transaction

AGAIN_SECONDS = 2 * SECONDS_PER_DAY
"""How long a key can be made again in the place of one that may have been lost on its way: a daily job comes twice."""
MOST_AGAIN = 5
"""How many keys are made within that time for the same names."""
_CROWDED_SECONDS = 3600
_IN_PROGRESS_SECONDS = 5
_NOTE = "its key was made here and asked for again: it never arrived, or was lost"


def require_made(profile: Profile) -> None:
    """Let only a profile pass whose keys may be made here.

    Raises:
        KeyNotMade: they may not.
    """
    if profile.server_keygen is KeyMaking.NEVER:
        raise KeyNotMade(
            f"keys for the profile {profile.name} are not made here; make the key yourself and use simpleenroll, or put"
            " a profile that allows it in the path"
        )


def require_kept(request: CertificationRequest) -> None:
    """Let no key wait for an officer that is made here: it is not kept, so that there would be nothing to hand over.

    Raises:
        KeyNotMade: it would have to.
    """
    if request.is_made_here:
        raise KeyNotMade(
            "an officer must look at this request first, and no key is kept meanwhile; make the key yourself and use"
            " simpleenroll"
        )


async def made_lately(tx: Transaction, registration_id: str, wish: Wish, *, now: int) -> list[str]:
    """The serials of the certificates whose keys were made for the same of late, revoked or not."""
    names = names_module.canonical(wish.names)
    return await made_keys.since(tx, registration_id, wish.profile.name, names, since=now - AGAIN_SECONDS)


async def credential_of(tx: Transaction, applicant: Applicant) -> Credential | None:
    """The credential of which a use would be spent.

    Raises:
        WrongSecret: a newer sheet has voided it since it proved right, perhaps while a key was being made.
    """
    if applicant.credential_id is None:
        return None
    credential = await credentials.by_id(tx, applicant.credential_id)
    if credential is None or credential.voided_at is not None:
        raise WrongSecret
    return credential


def require_foreseeable(credential: Credential | None, lately: list[str], *, is_shut: bool, now: int) -> None:
    """Refuse what `again` and the code would refuse, before a key is made.

    Args:
        credential: of which a use would be spent.
        lately: as `made_lately` says.
        is_shut: whether the renewal window of what is held is not open.

    Raises:
        Throttled: it was made again too often.
        CredentialSpent, CredentialExpired, CredentialRevoked: the code is good for nothing new.
    """
    if lately:
        if is_shut or _is_spent(credential):
            _require_few(lately)
    elif credential is not None:
        credential.require_usable(now)


async def again(
    tx: Transaction,
    applicant: Applicant,
    wish: Wish,
    held: list[Holding],
    may: Callable[[list[Holding]], None],
    *,
    now: int,
) -> tuple[list[Holding], Applicant]:
    """Make room for a key in the place of one that was made lately and may never have arrived.

    That one's certificate is revoked and counts no more, and no use of the code is spent again. It happens only where
    the request would be refused otherwise.

    Args:
        held: of the profile and names.
        may: raises while another one is not due.

    Returns:
        What is held after that, and the applicant as far as there is still something to be spent.

    Raises:
        Throttled: it was made again too often.
        WrongSecret: as `credential_of` says.
        InProgress: the certificate is being signed at this moment.
    """
    credential = await credential_of(tx, applicant)
    lately = await made_lately(tx, applicant.registration_id, wish, now=now)
    lost = max((one for one in held if one.serial in lately), key=lambda one: one.intended_at, default=None)
    if lost is None or lost.is_on_hold or not (_is_shut(may, held) or _is_spent(credential)):
        return held, applicant
    _require_few(lately)
    await tx.hold(holds.STATUSES)
    certificate = await certificates.by_serial(tx, lost.serial)
    if certificate is None:
        raise InProgress("a certificate for these names is being signed", retry_after_seconds=_IN_PROGRESS_SECONDS)
    act = Act(reason=Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor=applicant.actor, now=now, note=_NOTE)
    await acts.revoke(tx, certificate, act)
    left = [one for one in held if one.serial != lost.serial]
    return left, msgspec.structs.replace(applicant, credential_id=None)


async def record(tx: Transaction, intention: Intention, request: CertificationRequest, *, actor: str, now: int) -> None:
    """Remember for which certificate a key was made; of the key itself nothing is."""
    await made_keys.insert(tx, intention.serial, now=now)
    await journal.record(
        tx,
        KeyMade(key_name(request.public_key)),
        now=now,
        actor=actor,
        registration_id=intention.registration_id,
        serial=intention.serial,
    )


def _require_few(lately: list[str]) -> None:
    if len(lately) >= MOST_AGAIN:
        raise Throttled(
            f"a key was made for these names {len(lately)} times in two days; ask your registration authority",
            retry_after_seconds=_CROWDED_SECONDS,
        )


def _is_shut(may: Callable[[list[Holding]], None], held: list[Holding]) -> bool:
    try:
        may(held)
    except (TooEarly, InProgress):
        return True
    return False


def _is_spent(credential: Credential | None) -> bool:
    return credential is not None and credential.uses_left == 0
