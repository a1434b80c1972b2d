"""Who works here: the list, and for supervisors what becomes of those on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from ca_core.errors import NotFound, WrongState
from ca_core.registration.account import Status
from ca_core.staff.officer import Officer
from ca_core.staff.role import EVERY_REALM, Action
from protocols.wire import Reply
from server.desk.route import Route
from server.desk.visit import Handler, NavItem, Visit, see_other
from server.desk.words import phrase

NAV = (NavItem("/officers", phrase("Officers"), Action.READ_OFFICERS),)
DONE: Mapping[str, str] = {
    "suspend": phrase("The officer is suspended."),
    "resume": phrase("The officer goes on."),
    "end": phrase("The officer has left, and the certificates are revoked."),
}


class Step(msgspec.Struct, frozen=True):
    """One thing that can be done; `%(account)s` in texts is the officer's name."""

    title: str
    effect: str
    button: str
    do: Callable[[Visit, Officer], Awaitable[object]]


class Line(msgspec.Struct, frozen=True):
    """One officer, and where they stand: `active`, `suspended`, or `closed` for who has left."""

    officer: Officer
    status: str


async def show(visit: Visit) -> Reply:
    """Those of the actor's realm."""
    found = await visit.office.staff.officers.every(visit.actor.realm)
    lines = [Line(one, await _status(visit, one)) for one in found]
    return visit.render("officers.html", officers=lines, done=DONE.get(visit.query.get("done"), ""))


async def _status(visit: Visit, officer: Officer) -> str:
    if officer.ended_at is not None:
        return Status.CLOSED.value
    return (await visit.office.desk.show(officer.account)).status.value


async def _found(visit: Visit) -> Officer:
    """The officer of the name in the path.

    Raises:
        NotFound: there is none in the actor's realm.
    """
    officer = await visit.office.staff.officers.find(visit.path["name"])
    if visit.actor.realm not in {EVERY_REALM, officer.realm}:
        raise NotFound(f"there is no officer {officer.name}")
    return officer


async def _suspend(visit: Visit, officer: Officer) -> None:
    await visit.office.desk.suspend(officer.account, actor=visit.actor.journal_name)


async def _resume(visit: Visit, officer: Officer) -> None:
    await visit.office.desk.resume(officer.account, actor=visit.actor.journal_name)


async def _end(visit: Visit, officer: Officer) -> None:
    await visit.office.staff.officers.end(officer.name, actor=visit.actor.journal_name)


STEPS: Mapping[str, Step] = {
    "suspend": Step(
        phrase("Suspend the officer %(account)s"),
        phrase("Certificates and tokens of theirs open nothing from the next request on. This can be taken back."),
        phrase("Suspend"),
        _suspend,
    ),
    "resume": Step(
        phrase("Resume the officer %(account)s"),
        phrase("Certificates and tokens of theirs work again."),
        phrase("Resume"),
        _resume,
    ),
    "end": Step(
        phrase("Let the officer %(account)s go"),
        phrase("This is for good: certificates are revoked, tokens open nothing, and nobody is called so again."),
        phrase("Let go"),
        _end,
    ),
}


def _asking(step: Step) -> Handler:
    async def ask(visit: Visit) -> Reply:
        officer = await _found(visit)
        return visit.render("confirm.html", step=step, name=officer.name, back="/officers")

    return ask


def _doing(name: str, step: Step) -> Handler:
    async def do(visit: Visit) -> Reply:
        officer = await _found(visit)
        if officer.name == visit.actor.name:
            raise WrongState("nobody does this to themselves; ask another supervisor")
        await step.do(visit, officer)
        return see_other("/officers", done=name)

    return do


ROUTES = (
    Route("GET", "/officers", show, Action.READ_OFFICERS),
    *(
        route
        for name, step in STEPS.items()
        for route in (
            Route("GET", f"/officers/{{name}}/{name}", _asking(step), Action.MANAGE_OFFICERS),
            Route("POST", f"/officers/{{name}}/{name}", _doing(name, step), Action.MANAGE_OFFICERS),
        )
    ),
)
