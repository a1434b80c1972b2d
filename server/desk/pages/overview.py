"""The first page: what there is to do; and the chart of what will expire."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from ca_core.clock import as_datetime, rfc3339
from ca_core.policy.status import CertificateStatus
from ca_core.registration.account import Status
from ca_core.staff.lines import MOST_COUNTED
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.chart import chart
from server.desk.pages.requests import undone_of
from server.desk.route import Route
from server.desk.searching import DAY_SECONDS
from server.desk.visit import NavItem, Visit
from server.desk.words import phrase

_WEEK_SECONDS = 7 * DAY_SECONDS
_FIRST = 5


class Count(msgspec.Struct, frozen=True):
    """One number of the overview.

    Attributes:
        label: an English source text.
        link: to what was counted.
    """

    label: str
    number: int
    link: str


class Week(msgspec.Struct, frozen=True):
    """One line of the table beside the chart.

    Attributes:
        starts_at, ends_at: UTC seconds, both within the week.
        link: to the certificates.
        registrations_link: to the registrations.
    """

    starts_at: int
    ends_at: int
    count: int
    registrations: int
    link: str
    registrations_link: str


async def show(visit: Visit) -> Reply:
    """What waits, what ends, what is shut and what was refused."""
    found = await visit.office.staff.looking.overview(visit.actor)
    now, window_days = visit.now, visit.office.settings.renewal.window_days
    about = {"status": CertificateStatus.ABOUT_TO_EXPIRE.value}
    refused = {"event": "credential-refused", "since": rfc3339(now - DAY_SECONDS)}
    ending = {"status": Status.ACTIVE.value, "until": rfc3339(now + window_days * DAY_SECONDS)}
    counts = [
        Count(phrase("Requests that wait"), found.waiting, "/requests"),
        Count(phrase("Certificates about to expire"), found.expiring, f"/certificates?{urlencode(about)}"),
        Count(phrase("Registrations whose vetting ends soon"), found.ending, f"/registrations?{urlencode(ending)}"),
        Count(phrase("Registrations that have expired"), found.expired, f"/registrations?status={Status.EXPIRED}"),
        Count(phrase("Suspended registrations"), found.suspended, f"/registrations?status={Status.SUSPENDED}"),
        Count(
            phrase("Secrets and certificates refused in 24 hours"),
            found.refused,
            f"/journal?{urlencode(refused)}",
        ),
    ]
    waiting = await visit.office.staff.waiting.page(visit.actor, most=_FIRST)
    undone = await undone_of(visit)
    return visit.render("overview.html", counts=counts, most=MOST_COUNTED, waiting=waiting, undone=undone)


async def show_expiring(visit: Visit) -> Reply:
    """How much ends in each of the coming weeks: a chart, and the same in a table."""
    found = await visit.office.staff.looking.expiring(visit.actor)
    weeks = []
    for one in found:
        ends_at = one.starts_at + _WEEK_SECONDS - 1
        ends = urlencode({"from": rfc3339(one.starts_at), "until": rfc3339(ends_at)})
        subscribers = f"/registrations?status={Status.ACTIVE}&{ends}"
        weeks.append(
            Week(one.starts_at, ends_at, one.certificates, one.registrations, f"/certificates?{ends}", subscribers)
        )
    columns = [(as_datetime(week.starts_at).strftime("%m-%d"), week.count) for week in weeks]
    return visit.render("expiring.html", chart=chart(columns), weeks=weeks)


NAV = (
    NavItem("/", phrase("Overview"), None),
    NavItem("/expiring", phrase("What will expire"), Action.READ_CERTIFICATES),
)
ROUTES = (
    Route("GET", "/", show),
    Route("GET", "/expiring", show_expiring, Action.READ_CERTIFICATES),
)
