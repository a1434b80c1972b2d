"""How much there is to do, what ends when, and one search for all."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ca_core.staff.lines import CertificateFilter
from ca_core.staff.role import Action
from server.api.operation import Answer, Call, Operation, any_of
from server.api.resources import certificates, registrations
from server.api.resources.certificates import CertificateItem
from server.api.resources.registrations import RegistrationItem
from server.api.shapes import MOST_TEXT, Moment, moment

_MOST_WEEKS = 104
_MOST_FOUND = 50


class OverviewShape(msgspec.Struct, frozen=True):
    """How much there is to do; 1000 means as many or more.

    Attributes:
        waiting: requests that wait for an officer, or for a sheet to be collected.
        expiring: certificates in their renewal window.
        ending: registrations whose vetting ends within the renewal window.
        expired: registrations whose vetting has ended.
        suspended: registrations.
        refused: credentials that opened nothing, in the last 24 hours.
    """

    waiting: int
    expiring: int
    ending: int
    expired: int
    suspended: int
    refused: int


class ExpirationQuery(msgspec.Struct, frozen=True):
    """How far ahead to look."""

    weeks: Annotated[int, Meta(ge=1, le=_MOST_WEEKS, description="How many weeks.")] = 13


class ExpirationItem(msgspec.Struct, frozen=True):
    """How much ends within seven days."""

    starts_at: Moment
    certificates: int
    registrations: int


class ExpirationList(msgspec.Struct, frozen=True):
    """Week by week, from now on."""

    items: tuple[ExpirationItem, ...]


class SearchQuery(msgspec.Struct, frozen=True):
    """What is looked for."""

    text: Annotated[
        str,
        Meta(
            min_length=1, max_length=MOST_TEXT, pattern=r"^[^\x00]*$", description="Words of account, subject, contact."
        ),
    ]
    limit: Annotated[int, Meta(ge=1, le=_MOST_FOUND, description="Of each kind, at most.")] = 10


class Found(msgspec.Struct, frozen=True):
    """What was found; for more, ask the lists."""

    registrations: tuple[RegistrationItem, ...]
    certificates: tuple[CertificateItem, ...]


async def _overview(call: Call) -> Answer:
    found = await call.office.staff.looking.overview(call.actor)
    return Answer(OverviewShape(**msgspec.structs.asdict(found)))


async def _expirations(call: Call) -> Answer:
    found = await call.office.staff.looking.expiring(call.actor, weeks=call.asked(ExpirationQuery).weeks)
    items = [ExpirationItem(moment(week.starts_at), week.certificates, week.registrations) for week in found]
    return Answer(ExpirationList(tuple(items)))


async def _search(call: Call) -> Answer:
    asked, looking, may = call.asked(SearchQuery), call.office.staff.looking, call.actor.permitted
    found: tuple[RegistrationItem, ...] = ()
    held: tuple[CertificateItem, ...] = ()
    if Action.READ_REGISTRATIONS in may:
        lines = await looking.registrations(call.actor, text=asked.text, most=asked.limit)
        found = tuple(map(registrations.item, lines))
    if Action.READ_CERTIFICATES in may:
        wanted = CertificateFilter(text=asked.text)
        held = tuple(map(certificates.item, await looking.certificates(call.actor, wanted, most=asked.limit)))
    return Answer(Found(found, held))


OPERATIONS = (
    Operation(
        name="readOverview",
        method="GET",
        path="/overview",
        about="Read how much there is to do.",
        permitted=any_of(Action.READ_REGISTRATIONS),
        handler=_overview,
        answers={200: OverviewShape},
    ),
    Operation(
        name="listExpirations",
        method="GET",
        path="/expirations",
        about="Read how many certificates and registrations end in the weeks to come.",
        permitted=any_of(Action.READ_REGISTRATIONS),
        handler=_expirations,
        query=ExpirationQuery,
        answers={200: ExpirationList},
    ),
    Operation(
        name="search",
        method="GET",
        path="/search",
        about="Find registrations, and the certificates of those, by words.",
        permitted=any_of(Action.READ_REGISTRATIONS, Action.READ_CERTIFICATES),
        handler=_search,
        query=SearchQuery,
        answers={200: Found},
    ),
)
