"""Revocations: what is revoked, or on hold."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ca_core.policy.status import CertificateStatus
from ca_core.staff.lines import CertificateFilter
from ca_core.staff.role import Action
from server.api.operation import Answer, Call, Operation, any_of
from server.api.paging import USUAL_LINES, After, Limit, next_link
from server.api.resources.certificates import CertificateList, item
from server.api.shapes import Text

_LIST = "/revocations"


class RevocationStatus(StrEnum):
    """How a certificate is not to be relied on."""

    REVOKED = "revoked"
    ON_HOLD = "on hold"


class RevocationQuery(msgspec.Struct, frozen=True):
    """Which revocations are listed."""

    status: RevocationStatus = RevocationStatus.REVOKED
    account: Text | None = None
    after: After | None = None
    limit: Limit = USUAL_LINES


async def _listed(call: Call) -> Answer:
    asked = call.asked(RevocationQuery)
    wanted = CertificateFilter(account=asked.account, status=CertificateStatus(asked.status.value))
    found = await call.office.staff.looking.certificates(call.actor, wanted, after=asked.after, most=asked.limit)
    return Answer(CertificateList(tuple(map(item, found)), next_link(_LIST, asked, found.more)))


OPERATIONS = (
    Operation(
        name="listRevocations",
        method="GET",
        path=_LIST,
        about="List certificates that are revoked, or on hold.",
        more="Revocations that subscribers have asked for, and that wait for an officer, are among the requests.",
        permitted=any_of(Action.READ_CERTIFICATES),
        handler=_listed,
        query=RevocationQuery,
        answers={200: CertificateList},
    ),
)
