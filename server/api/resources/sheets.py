"""Password sheets: a new one, which voids the one before."""

from __future__ import annotations

from http import HTTPStatus

from ca_core.errors import NotPrintable, WrongState
from ca_core.staff.request import Pending
from ca_core.staff.role import Action
from server.api.finding import registration_of
from server.api.handing_over import SHEET_MEDIA, handed_over, require_printable, waits
from server.api.operation import Answer, Call, Operation, any_of
from server.api.shapes import Note, Registered, Waits


async def _reprint(call: Call) -> Answer:
    registration = await registration_of(call)
    await require_printable(call, registration.subject, registration.contact)
    made = await call.office.staff.approvals.reprint(registration.account, actor=call.actor, note=call.sent(Note).note)
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
        " collect the sheet from it.",
        permitted=any_of(Action.PRINT_SHEET),
        handler=_reprint,
        body=Note,
        answers={201: Registered, 202: Waits},
        media=SHEET_MEDIA,
        refusals=frozenset({WrongState, NotPrintable}),
    ),
)
