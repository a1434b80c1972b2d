"""Looking for certificates, by any field."""

from __future__ import annotations

from ca_core.errors import BadRequest
from ca_core.policy.status import CertificateStatus
from ca_core.revocation.reason import Reason
from ca_core.staff.lines import CertificateFilter, Page
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.route import Route
from server.desk.searching import AFTER, first_page, first_second, last_second, next_page, optional
from server.desk.visit import NavItem, Visit
from server.desk.words import phrase
from server.web.forms import Posted

_PATH = "/certificates"
_MOST = 50
_FIELDS = ("text", "serial", "account", "name", "profile", "issuer", "status", "from", "until", "key")


async def show(visit: Visit) -> Reply:
    """The form, and what is found by it; without a field, all that there is."""
    query, fault, status = visit.query, "", 200
    try:
        wanted = wanted_by(query)
        after = optional(query, AFTER)
        found = await visit.office.staff.looking.certificates(visit.actor, wanted, after=after, most=_MOST)
    except BadRequest as refusal:
        found, fault, status = Page(), str(refusal), 400
    return visit.render(
        "certificates.html",
        status=status,
        asked={name: query.get(name) for name in _FIELDS},
        lines=found,
        statuses=[one.value for one in CertificateStatus],
        profiles=sorted(visit.office.profiles),
        reasons={reason.value: reason.text for reason in Reason},
        fault=fault,
        following=next_page(_PATH, query, found.more),
        first=first_page(_PATH, query),
    )


def wanted_by(query: Posted) -> CertificateFilter:
    """What the form asks for.

    Raises:
        BadRequest: a field is not what it should be.
    """
    status = optional(query, "status")
    try:
        wanted = None if status is None else CertificateStatus(status)
    except ValueError:
        raise BadRequest("there is no such status") from None
    return CertificateFilter(
        serial=optional(query, "serial"),
        account=optional(query, "account"),
        text=optional(query, "text"),
        name=optional(query, "name"),
        profile=optional(query, "profile"),
        issuer=optional(query, "issuer"),
        status=wanted,
        expires_from=first_second(query, "from"),
        expires_until=last_second(query, "until"),
        key=optional(query, "key"),
    )


NAV = (NavItem(_PATH, phrase("Certificates"), Action.READ_CERTIFICATES),)
ROUTES = (Route("GET", _PATH, show, Action.READ_CERTIFICATES),)
