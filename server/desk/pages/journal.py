"""The journal: what happened, and whether it is whole."""

from __future__ import annotations

from ca_core.errors import BadRequest
from ca_core.registration.account import OFFICERS
from ca_core.staff.lines import JournalFilter, Page
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.route import Route
from server.desk.searching import AFTER, first_page, first_second, last_second, next_page, optional
from server.desk.visit import NavItem, Visit
from server.desk.words import phrase
from server.own_certificate import ACCOUNT as OUR_ACCOUNT
from server.web.event_words import EVENTS
from server.web.forms import Posted
from server.web.life import DATES

_PATH = "/journal"
_MOST = 50
_FIELDS = ("event", "actor", "account", "serial", "since", "until")
_GROUP = "event."
CODES = tuple(sorted(key.removeprefix(_GROUP) for key in EVENTS if key.removeprefix(_GROUP) not in DATES))


async def show(visit: Visit) -> Reply:
    """What happened, the newest first, as far as the form asks for it."""
    query, fault, status = visit.query, "", 200
    try:
        after = optional(query, AFTER)
        found = await visit.office.staff.looking.journal(visit.actor, wanted_by(query), after=after, most=_MOST)
    except BadRequest as refusal:
        found, fault, status = Page(), str(refusal), 400
    return visit.render(
        "journal.html",
        status=status,
        asked={name: query.get(name) for name in _FIELDS},
        lines=found,
        is_subscribers=is_subscribers,
        codes=CODES,
        fault=fault,
        following=next_page(_PATH, query, found.more),
        first=first_page(_PATH, query),
    )


async def verify(visit: Visit) -> Reply:
    """Prove it, from its first row to its last."""
    return visit.render("verification.html", found=await visit.desk.verifier.prove())


def wanted_by(query: Posted) -> JournalFilter:
    """What the form asks for.

    Raises:
        BadRequest: a field is not what it should be.
    """
    serial = optional(query, "serial")
    return JournalFilter(
        event=optional(query, "event"),
        actor=optional(query, "actor"),
        account=optional(query, "account"),
        serial=None if serial is None else serial.replace(":", "").replace(" ", "").lower(),
        since=first_second(query, "since"),
        until=last_second(query, "until"),
    )


def is_subscribers(account: str) -> bool:
    """Whether an account has a page: those of officers and of the server itself have none."""
    return account != OUR_ACCOUNT and not account.startswith(OFFICERS)


NAV = (NavItem(_PATH, phrase("Journal"), Action.READ_JOURNAL),)
ROUTES = (
    Route("GET", _PATH, show, Action.READ_JOURNAL),
    Route("GET", "/journal/verification", verify, Action.VERIFY_JOURNAL),
)
