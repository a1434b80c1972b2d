"""What an officer does with a registration as a whole: suspend, resume, close, activate. Each is asked about first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.route import Route
from server.desk.subscribers import place_of, seen
from server.desk.visit import Handler, Visit, see_other
from server.desk.words import phrase
from server.office import Office


class Step(msgspec.Struct, frozen=True):
    """One thing that can be done.

    Attributes:
        title, effect: what the page says that asks about it; `%(account)s` is the account.
        button: what does it.
        do: the account and the journal's name of who does it.
    """

    action: Action
    title: str
    effect: str
    button: str
    do: Callable[[Office], Callable[..., Awaitable[object]]]


STEPS: Mapping[str, Step] = {
    "suspend": Step(
        Action.SUSPEND,
        phrase("Suspend %(account)s"),
        phrase(
            "Every door is shut to it within a second: its secrets, its ACME accounts and its certificates open"
            " nothing until it is resumed. Its certificates are not revoked."
        ),
        phrase("Suspend"),
        lambda office: office.desk.suspend,
    ),
    "resume": Step(
        Action.RESUME,
        phrase("Resume %(account)s"),
        phrase("It goes on as before: its secrets, its ACME accounts and its certificates work again."),
        phrase("Resume"),
        lambda office: office.desk.resume,
    ),
    "close": Step(
        Action.CLOSE,
        phrase("Close %(account)s"),
        phrase(
            "This is for good: it is never opened again, and the subscriber would have to be registered anew. Its"
            " certificates stay as they are; revoke them where that is wanted."
        ),
        phrase("Close for good"),
        lambda office: office.desk.close,
    ),
    "activate": Step(
        Action.CHANGE_REGISTRATION,
        phrase("Activate the sheet of %(account)s"),
        phrase(
            "The subscriber has said that the sheet has come, and the enrollment code and the EAB key work from now on."
        ),
        phrase("Activate"),
        lambda office: office.activations.activate,
    ),
}


def _asking(step: Step) -> Handler:
    async def ask(visit: Visit) -> Reply:
        registration = await seen(visit)
        account = registration.account
        return visit.render("confirm.html", step=step, name=account, back=place_of(account))

    return ask


def _doing(name: str, step: Step) -> Handler:
    async def do(visit: Visit) -> Reply:
        registration = await seen(visit)
        await step.do(visit.office)(registration.account, actor=visit.actor.journal_name)
        return see_other(place_of(registration.account), done=name)

    return do


ROUTES = tuple(
    route
    for name, step in STEPS.items()
    for route in (
        Route("GET", f"/registrations/{{account}}/{name}", _asking(step), step.action),
        Route("POST", f"/registrations/{{account}}/{name}", _doing(name, step), step.action),
    )
)
