"""What waits for officers: the list, and a page for each request with its evidence."""

from __future__ import annotations

from ca_core.errors import BadRequest, NotFound, OwnRequest, WrongState
from ca_core.referral.request import EnrollmentRequest
from ca_core.staff.dossiers import RequestDossier
from ca_core.staff.request import COLLECTED, DeskRequest, DeskState, is_own
from ca_core.staff.role import Action, name_in
from ca_core.staff.waiting import Undone
from protocols.wire import Reply
from server import answers
from server.desk.comparing import compared
from server.desk.notes import note_in, said_in
from server.desk.route import Route
from server.desk.visit import NavItem, Visit, see_other
from server.desk.words import REFUSALS, phrase

_MOST = 50
_NUMBER_DIGITS = 18
_LATELY_SECONDS = 30 * 86_400
_SAID = {
    "approved": phrase("The request is approved."),
    "agreed": phrase("Your approval is counted; other officers have to agree, too."),
    "rejected": phrase("The request is rejected."),
    "asked": phrase("What you asked for waits for other officers; nothing is done before they agree."),
}
_OWN = phrase("This is your own request: another officer has to decide it.")
_OWN_SECRET = phrase("You made the secret that this was asked for with: another officer has to decide it.")
_NO_REASON = phrase("Write why you reject it: whoever asked is shown your words.")


async def show_list(visit: Visit) -> Reply:
    """All that waits, the most urgent first."""
    after = _place(visit.query.get("after"))
    found = await visit.office.staff.waiting.page(visit.actor, after=after, most=_MOST + 1)
    lines = found[:_MOST]
    following = f"{lines[-1].due_at}-{lines[-1].number}" if len(found) > _MOST else ""
    undone = await undone_of(visit) if after == _START else []
    return visit.render("requests.html", lines=lines, following=following, is_first=after == _START, undone=undone)


async def undone_of(visit: Visit) -> list[Undone]:
    """What who looks has asked other officers for lately, and did not get."""
    return await visit.office.staff.waiting.undone(visit.actor, since=visit.now - _LATELY_SECONDS)


async def show_request(visit: Visit) -> Reply:
    """One request, what is registered beside what is asked for."""
    return await _page(visit, said=said_in(visit, _SAID))


async def approve(visit: Visit) -> Reply:
    """Agree to a request."""
    number = number_in(visit)
    try:
        decided = await visit.office.staff.decisions.approve(number, actor=visit.actor, note=note_in(visit))
    except (OwnRequest, WrongState) as refusal:
        return await _refused(visit, refusal)
    return see_other(f"/requests/{number}", said="approved" if decided.agreed is None else "agreed")


async def reject(visit: Visit) -> Reply:
    """Turn a request down, with a reason; or take one's own back."""
    number, note = number_in(visit), note_in(visit)
    if not note:
        return await _page(visit, fault=_NO_REASON, status=422)
    try:
        await visit.office.staff.decisions.reject(number, actor=visit.actor, note=note)
    except WrongState as refusal:
        return await _refused(visit, refusal)
    return see_other(f"/requests/{number}", said="rejected")


def number_in(visit: Visit) -> int:
    """The number in the path.

    Raises:
        NotFound: it is none; said as of one that nobody has.
    """
    text = visit.path["number"]
    if not (text.isascii() and text.isdigit()) or len(text) > _NUMBER_DIGITS:
        raise NotFound("there is no such request")
    return int(text)


async def _refused(visit: Visit, refusal: OwnRequest | WrongState) -> Reply:
    """The request as it is, and why it was not decided."""
    answer = answers.TABLE[type(refusal)]
    if isinstance(refusal, OwnRequest):
        return await _page(visit, fault=_OWN_SECRET if refusal.by_secret else _OWN, status=answer.status)
    return await _page(visit, fault=REFUSALS[f"refusal.{answer.word}"], detail=str(refusal), status=answer.status)


async def _page(visit: Visit, *, said: str = "", fault: str = "", detail: str = "", status: int = 200) -> Reply:
    dossier = await visit.office.staff.dossiers.request(number_in(visit), actor=visit.actor)
    asked = dossier.asked
    is_desks = isinstance(asked, DeskRequest)
    own = is_own(dossier.asked_by, visit.actor.journal_name)
    is_pending = asked.state.value == DeskState.PENDING.value
    is_open = is_pending or (is_desks and asked.state.value == DeskState.APPROVED.value)
    return visit.render(
        "request.html",
        status=status,
        # Where a browser can come back to, in another language too, after a form that was refused.
        here=f"/requests/{asked.number}",
        dossier=dossier,
        asked=asked,
        lines=compared(dossier),
        said=said,
        fault=fault,
        detail=detail,
        is_own=own,
        has_voted=dossier.vote_of(visit.actor) is not None,
        issued=asked.serial if isinstance(asked, EnrollmentRequest) else None,
        is_pending=is_pending,
        may_approve=is_pending and not own and dossier.vote_of(visit.actor) is None and visit.may(Action.APPROVE),
        may_reject=is_open and (visit.may(Action.REJECT) or (is_desks and own)),
        may_collect=_is_collectable(dossier) and name_in(dossier.asked_by) == visit.actor.name,
    )


def _is_collectable(dossier: RequestDossier) -> bool:
    """Whether a sheet can be made of it, by whoever asked."""
    asked = dossier.asked
    return isinstance(asked, DeskRequest) and asked.state is DeskState.APPROVED and asked.action in COLLECTED


_START = (0, 0)


def _place(text: str) -> tuple[int, int]:
    """Behind which line a page of the list begins: due time and number, joined by a hyphen."""
    if not text:
        return _START
    parts = text.split("-")
    if len(parts) != len(_START) or not all(
        part.isascii() and part.isdigit() and len(part) <= _NUMBER_DIGITS for part in parts
    ):
        raise BadRequest("the address of this page is damaged; begin with the first page of the list")
    return int(parts[0]), int(parts[1])


NAV = (NavItem("/requests", phrase("Requests"), Action.READ_REQUESTS),)
ROUTES = (
    Route("GET", "/requests", show_list, Action.READ_REQUESTS),
    Route("GET", "/requests/{number}", show_request, Action.READ_REQUESTS),
    Route("POST", "/requests/{number}/approve", approve, Action.APPROVE),
    # Whoever takes their own back needs no permission to reject: the desk decides.
    Route("POST", "/requests/{number}/reject", reject, Action.READ_REQUESTS),
)
