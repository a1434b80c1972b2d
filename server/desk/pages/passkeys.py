"""An officer's own passkeys, and the page on which one is shown: the second factor beside the certificate."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ca_core.errors import NotFound
from ca_core.registration.passkey import LONGEST_LABEL, Passkey
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.entrance import forgetting, keeping
from server.desk.route import Route
from server.desk.visit import Visit, see_other
from server.desk.words import phrase

_DONE: Mapping[str, str] = {
    "added": phrase("The passkey is registered; the desk asks for it from now on."),
    "removed": phrase("The passkey opens nothing any more."),
}


class Step(msgspec.Struct, frozen=True):
    """What `confirm.html` asks; `%(account)s` stands for what the passkey is called."""

    title: str
    effect: str
    button: str


_REMOVE = Step(
    phrase("Remove the passkey %(account)s"),
    phrase("Without any passkey, the certificate alone opens the desk."),
    phrase("Remove"),
)


async def show(visit: Visit) -> Reply:
    """The actor's own."""
    held = await visit.desk.entrance.passkeys.of(_own(visit))
    done = _DONE.get(visit.query.get("done"), "")
    return visit.render("passkeys.html", passkeys=held, longest=LONGEST_LABEL, done=done)


async def make(visit: Visit) -> Reply:
    """Have the browser make one, of the name in the form."""
    session, headers = await visit.desk.entrance.session_or_new(visit.actor, visit.request)
    options = await visit.desk.entrance.passkeys.begin_registering(session)
    label = visit.form.get("label")
    page = visit.render("passkey_make.html", is_scripted=True, label=label, options=options, here="/passkeys")
    return msgspec.structs.replace(page, headers=(*page.headers, *headers))


async def add(visit: Visit) -> Reply:
    """Take what the browser has made."""
    session = await visit.desk.entrance.session(visit.actor, visit.request)
    answer, source = visit.form.get("answer").encode(), visit.request.peer.address
    await visit.desk.entrance.passkeys.register(session, visit.form.get("label"), answer, source=source)
    return see_other("/passkeys", done="added")


async def ask_to_remove(visit: Visit) -> Reply:
    """Whether one is to be removed."""
    return visit.render("confirm.html", step=_REMOVE, name=(await _named(visit)).label, back="/passkeys")


async def remove(visit: Visit) -> Reply:
    """Remove one."""
    session = await visit.desk.entrance.session(visit.actor, visit.request)
    passkey = await _named(visit)
    source = visit.request.peer.address
    await visit.desk.entrance.passkeys.remove(session, passkey.credential_id, source=source)
    return see_other("/passkeys", done="removed")


async def ask(visit: Visit) -> Reply:
    """Ask for a passkey; who has none, or has shown it, goes on to the first page."""
    if not await visit.desk.entrance.is_owing(visit.actor, visit.request):
        return see_other("/")
    session, headers = await visit.desk.entrance.session_or_new(visit.actor, visit.request)
    options = await visit.desk.entrance.passkeys.begin_showing(session)
    page = visit.render("passkey_show.html", is_scripted=True, options=options)
    return msgspec.structs.replace(page, headers=(*page.headers, *headers))


async def prove(visit: Visit) -> Reply:
    """Look at what a passkey has signed."""
    session = await visit.desk.entrance.session(visit.actor, visit.request)
    answer, source = visit.form.get("answer").encode(), visit.request.peer.address
    token = await visit.desk.entrance.passkeys.show(session, answer, source=source)
    return see_other("/", keeping(token))


async def leave(visit: Visit) -> Reply:
    """Sign out."""
    await visit.desk.entrance.end(visit.request)
    return see_other("/", forgetting())


def _own(visit: Visit) -> str:
    return visit.actor.registration_id or ""


async def _named(visit: Visit) -> Passkey:
    """The passkey in the path, of the actor's own.

    Raises:
        NotFound: there is none such.
    """
    for passkey in await visit.desk.entrance.passkeys.of(_own(visit)):
        if passkey.name == visit.path["name"]:
            return passkey
    raise NotFound("there is no such passkey of yours")


# Whoever works here may read who does; integrators, who are programs, have no passkeys.
ROUTES = (
    Route("GET", "/passkeys", show, Action.READ_OFFICERS),
    Route("POST", "/passkeys", add, Action.READ_OFFICERS),
    Route("POST", "/passkeys/new", make, Action.READ_OFFICERS),
    Route("GET", "/passkeys/{name}/remove", ask_to_remove, Action.READ_OFFICERS),
    Route("POST", "/passkeys/{name}/remove", remove, Action.READ_OFFICERS),
    Route("GET", "/sign-in", ask, Action.READ_OFFICERS, is_entrance=True),
    Route("POST", "/sign-in", prove, Action.READ_OFFICERS, is_entrance=True),
    Route("POST", "/sign-out", leave, Action.READ_OFFICERS, is_entrance=True),
)
