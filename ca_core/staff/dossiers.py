"""What an officer looks at before deciding: a request beside what is registered, a certificate beside its fellows."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ca_core.errors import NotFound
from ca_core.referral.request import EnrollmentRequest
from ca_core.registration.account import Registration
from ca_core.registration.kind import PRESETS, RESERVED, Approvals, Kinds
from ca_core.revocation.request import RevocationRequest
from ca_core.staff.request import DeskAction, DeskRequest, Revoking, Verdict, Vote
from ca_core.staff.role import EVERY_REALM, Action, Actor, name_in
from ca_core.staff.waiting import ENROLLMENT, REVOCATION
from ca_core.store import (
    approvals,
    certificates,
    desk_requests,
    enrollment_requests,
    registrations,
    related,
    revocation_requests,
)
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database, Transaction
from ca_core.store.related import Happening, Related

_MOST_EARLIER = 20
_MOST_HAPPENINGS = 200
# Of the database's BIGINT; people type any number.
_NUMBER_BITS = 63

Asked = EnrollmentRequest | RevocationRequest | DeskRequest
"""What was asked for, as it is stored."""


class RequestDossier(msgspec.Struct, frozen=True, kw_only=True):
    """A request and the evidence about it.

    Attributes:
        what: as in `Waiting`.
        asked_by: as the journal writes it.
        needed: how many officers must agree.
        registration: with its contact; None of one that is yet to be made.
        certificate: that is to be revoked or replaced; None where there is none.
        earlier: of the same registration, for the same names and profile or with the same key, the newest first.
        votes: the first one first.
    """

    what: str
    asked: Asked
    asked_by: str
    needed: int
    registration: Registration | None
    certificate: Certificate | None
    earlier: tuple[Related, ...]
    votes: tuple[Vote, ...]

    @property
    def given(self) -> int:
        """How many officers have agreed."""
        return sum(vote.verdict is Verdict.APPROVED for vote in self.votes)

    def vote_of(self, actor: Actor) -> Vote | None:
        """How an officer has voted; None while they have not."""
        return next((vote for vote in self.votes if vote.officer == actor.name), None)


class CertificateDossier(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate, whose it is, and what is connected with it.

    Attributes:
        registration: with its contact.
        replaced_by: those that were issued in its place, the newest first.
        same_key: the others with its public key that the actor sees, the newest first.
        request: the subscriber's request to revoke it that waits; None where none does.
        happened: what the journal holds of it, the first one first.
    """

    certificate: Certificate
    registration: Registration
    replaced_by: tuple[Related, ...]
    same_key: tuple[Related, ...]
    request: RevocationRequest | None
    happened: tuple[Happening, ...]


class Dossiers:
    """Gathers them, for whoever sees them; nothing is changed."""

    def __init__(self, database: Database, kinds: Kinds = PRESETS) -> None:
        self._database = database
        self._kinds = kinds

    async def request(self, number: int, *, actor: Actor) -> RequestDossier:
        """Open what is known of a request, waiting or decided.

        Raises:
            NotPermitted: as it says.
            NotFound: there is none that the actor sees.
        """
        actor.require(Action.READ_REQUESTS)
        absent = NotFound("there is no such request")
        if number.bit_length() > _NUMBER_BITS:
            raise absent
        async with self._database.read() as tx:
            asked = await _asked(tx, number)
            if asked is None:
                raise absent
            registration = await _registration(tx, asked)
            if not _sees(actor, asked, registration):
                raise absent
            certificate = await _about(tx, asked)
            return RequestDossier(
                what=_what(asked),
                asked=asked,
                asked_by=_asked_by(asked),
                needed=self._needed(asked, registration),
                registration=registration,
                certificate=certificate,
                earlier=await _earlier(tx, asked, certificate, registration),
                votes=tuple(await approvals.of(tx, number)),
            )

    async def certificate(self, serial: str, *, actor: Actor) -> CertificateDossier:
        """Open what is known of a certificate.

        Args:
            serial: 40 hex digits.

        Raises:
            NotPermitted: as it says.
            NotFound: there is none that the actor sees; officers' and the server's own are no subscriber's.
        """
        actor.require(Action.READ_CERTIFICATES)
        async with self._database.read() as tx:
            certificate = await certificates.by_serial(tx, serial)
            if certificate is None:
                raise NotFound("there is no such certificate")
            registration = await registrations.by_id(tx, certificate.registration_id)
            if registration.kind in RESERVED or not actor.sees(registration):
                raise NotFound("there is no such certificate")
            contact = await registrations.contact_of(tx, registration.id)
            return CertificateDossier(
                certificate=certificate,
                registration=msgspec.structs.replace(registration, contact_read=contact),
                replaced_by=tuple(await related.in_place_of(tx, serial, most=_MOST_EARLIER)),
                same_key=await _same_key(tx, certificate, actor),
                request=await revocation_requests.pending_for(tx, serial),
                happened=tuple(await related.happenings(tx, serial, most=_MOST_HAPPENINGS)),
            )

    def _needed(self, asked: Asked, registration: Registration | None) -> int:
        if isinstance(asked, DeskRequest):
            return asked.needed
        known = self._kinds.get(registration.kind) if registration else None
        policy = known.approvals if known else Approvals()
        return max(1, policy.issue if isinstance(asked, EnrollmentRequest) else policy.revoke)


def _what(asked: Asked) -> str:
    match asked:
        case EnrollmentRequest():
            return ENROLLMENT
        case RevocationRequest():
            return REVOCATION
        case DeskRequest():
            return asked.action.value


def _asked_by(asked: Asked) -> str:
    match asked:
        case EnrollmentRequest():
            return asked.applicant.actor
        case RevocationRequest():
            return asked.actor
        case DeskRequest():
            return asked.asked_by


def _sees(actor: Actor, asked: Asked, registration: Registration | None) -> bool:
    if not isinstance(asked, DeskRequest):
        return registration is not None and actor.sees(registration)
    is_hidden = actor.owner is not None and name_in(asked.asked_by) != actor.name
    return not is_hidden and actor.realm in {EVERY_REALM, asked.realm}


async def _asked(tx: Transaction, number: int) -> Asked | None:
    enrollment = await enrollment_requests.by_number(tx, number)
    if enrollment is not None:
        return enrollment
    revocation = await revocation_requests.by_number(tx, number)
    return await desk_requests.by_number(tx, number) if revocation is None else revocation


async def _registration(tx: Transaction, asked: Asked) -> Registration | None:
    if asked.registration_id is None:
        return None
    registration = await registrations.by_id(tx, asked.registration_id)
    contact = await registrations.contact_of(tx, registration.id)
    return msgspec.structs.replace(registration, contact_read=contact)


async def _about(tx: Transaction, asked: Asked) -> Certificate | None:
    """The certificate that is to be revoked or replaced."""
    match asked:
        case EnrollmentRequest():
            serial = asked.replaces
        case RevocationRequest():
            serial = asked.serial
        case DeskRequest(action=DeskAction.REVOKE):
            serial = msgspec.json.decode(asked.payload, type=Revoking).serial
        case _:
            serial = None
    return None if serial is None else await certificates.by_serial(tx, serial)


async def _earlier(
    tx: Transaction, asked: Asked, certificate: Certificate | None, registration: Registration | None
) -> tuple[Related, ...]:
    source = asked if isinstance(asked, EnrollmentRequest) else certificate
    if source is None or registration is None:
        return ()
    found: dict[str, Related] = {}
    # By profile, as the index is; those that the registration holds by now, and the one that is asked for.
    for profile in sorted({*registration.profiles, source.profile}):
        fellows = await related.of_names(tx, registration.id, profile, source.names, most=_MOST_EARLIER)
        found |= {one.serial: one for one in fellows}
    fellows = await related.of_key(tx, source.spki_sha256, most=_MOST_EARLIER)
    found |= {one.serial: one for one in fellows if one.registration_id == registration.id}
    if source is certificate:
        # Which stands beside the request itself.
        found.pop(source.serial or "", None)
    return _newest(found.values())


def _newest(found: Iterable[Related]) -> tuple[Related, ...]:
    ordered = sorted(found, key=lambda one: (one.issued_at, one.serial), reverse=True)
    return tuple(ordered[:_MOST_EARLIER])


async def _same_key(tx: Transaction, certificate: Certificate, actor: Actor) -> tuple[Related, ...]:
    found = await related.of_key(tx, certificate.spki_sha256, most=_MOST_EARLIER)
    others = [one for one in found if one.serial != certificate.serial]
    owners = {one.registration_id: await registrations.by_id(tx, one.registration_id) for one in others}
    return tuple(one for one in others if actor.sees(owners[one.registration_id]))
