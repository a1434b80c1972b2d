"""Password sheets: a new one, which voids the one before."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from msgspec import Meta

from ca_core.errors import ChangedMeanwhile, NotPrintable, WrongState
from ca_core.staff.request import Pending
from ca_core.staff.role import Action
from server.api.finding import registration_of
from server.api.handing_over import SHEET_MEDIA, handed_over, require_printable, waits
from server.api.operation import Answer, Call, Operation, any_of
from server.api.shapes import Note, Registered, Waits

_MOST_SHEETS = 2**31 - 1


class SheetOrder(Note, frozen=True, forbid_unknown_fields=True):
    """Why a new sheet is wanted, and in the place of which.

    Attributes:
        replaces: the number of the newest sheet, which the new one voids; left out, or null, whichever it is.
    """

    replaces: Annotated[int, Meta(ge=1, le=_MOST_SHEETS)] | None = None


async def _reprint(call: Call) -> Answer:
    registration = await registration_of(call)
    await require_printable(call, registration.subject, registration.contact)
    sent = call.sent(SheetOrder)
    # Where nobody says which one it voids, it is the newest of this moment: of two at once, the second one is refused.
    replaces = sent.replaces or registration.sheet
    made = await call.office.staff.approvals.reprint(
        registration.account, actor=call.actor, replaces=replaces, note=sent.note
    )
    if isinstance(made, Pending):
        return waits(made)
    return await handed_over(call, made, await registration_of(call), status=HTTPStatus.CREATED)


OPERATIONS = (
    Operation(
        name="makeSheet",
        method="POST",
        path="/registrations/{account}/sheets",
        about="Make a new password sheet.",
        more="Every secret of the sheet before is void at once. The sheet is handed over once, in this answer: as JSON,"
        " or as a PDF to print. Where the kind wants other officers to agree, 202 names the request; once they have,"
        " collect the sheet from it. With `replaces`, another sheet that came meanwhile is not voided: 412.",
        permitted=any_of(Action.PRINT_SHEET),
        handler=_reprint,
        body=SheetOrder,
        answers={201: Registered, 202: Waits},
        media=SHEET_MEDIA,
        refusals=frozenset({ChangedMeanwhile, WrongState, NotPrintable}),
    ),
)
