"""An officer's own passkeys, and the page on which one is shown: the second factor beside the certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from ca_core.errors import NotFound
from ca_core.registration.passkey import LONGEST_LABEL, Passkey
from ca_core.staff.role import Action
from protocols.wire import Reply
from server.desk.entrance import forgetting, keeping
from server.desk.route import Route
from server.desk.visit import Visit, see_other
from server.desk.words import phrase

_LIST, _SIGN_IN, _CODE = "/passkeys", "/sign-in", "/sign-in/code"
_FROM_ELSEWHERE = frozenset({"cross-site", "same-site"})
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
    may_remove = len(held) > 1 or not visit.desk.entrance.is_demanded
    return visit.render("passkeys.html", passkeys=held, may_remove=may_remove, longest=LONGEST_LABEL, done=done)


async def make(visit: Visit) -> Reply:
    """Have the browser make one, of the name in the form."""
    visit, headers = await _begun(visit)
    options = await visit.desk.entrance.passkeys.begin_registering(visit.entered)
    return _making(visit, options, headers, place=_LIST)


async def add(visit: Visit) -> Reply:
    """Take what the browser has made."""
    answer, source = visit.form.get("answer").encode(), visit.request.peer.address
    await visit.desk.entrance.passkeys.register(visit.entered, visit.form.get("label"), answer, source=source)
    return see_other(_LIST, done="added")


async def ask_to_remove(visit: Visit) -> Reply:
    """Whether one is to be removed."""
    return visit.render("confirm.html", step=_REMOVE, name=(await _named(visit)).label, back="/passkeys")


async def remove(visit: Visit) -> Reply:
    """Remove one.

    Raises:
        WrongState: it is the last one, and there must be one.
    """
    passkey = await _named(visit)
    source = visit.request.peer.address
    await visit.desk.entrance.passkeys.remove(visit.entered, passkey.credential_id, source=source)
    return see_other(_LIST, done="removed")


async def ask(visit: Visit) -> Reply:
    """Ask for a passkey; who owes none goes on to the first page, who has none registers one."""
    if not await visit.desk.entrance.is_owing(visit.actor, visit.session):
        return see_other("/")
    # Strictly of this site, the cookie of a session that there may be does not come along from another one.
    if visit.session is None and visit.request.headers.get("sec-fetch-site", "") in _FROM_ELSEWHERE:
        return visit.render("arrived.html")
    visit, headers = await _begun(visit)
    if not await visit.desk.entrance.passkeys.of(_own(visit)):
        return see_other(_CODE, *headers)
    options = await visit.desk.entrance.passkeys.begin_showing(visit.entered)
    page = visit.render("passkey_show.html", is_scripted=True, options=options)
    return msgspec.structs.replace(page, headers=(*page.headers, *headers))


async def prove(visit: Visit) -> Reply:
    """Look at what a passkey has signed."""
    answer, source = visit.form.get("answer").encode(), visit.request.peer.address
    token = await visit.desk.entrance.passkeys.show(visit.entered, answer, source=source)
    return see_other("/", keeping(token))


async def ask_for_code(visit: Visit) -> Reply:
    """Ask for the operator's code; only who is half way in has a use for it."""
    if visit.session is None or not await visit.desk.entrance.is_owing(visit.actor, visit.session):
        return see_other(_SIGN_IN)
    return visit.render("passkey_code.html", longest=LONGEST_LABEL)


async def add_by_code(visit: Visit) -> Reply:
    """Look at the code, before the browser makes a passkey, and again when it has.

    Raises:
        WrongSecret, Throttled: the code.
        SessionEnded, PasskeyRefused, BadRequest, TooLarge, WrongState: as `Passkeys.enter` says.
    """
    session, form, source = visit.entered, visit.form, visit.request.peer.address
    passkeys, code = visit.desk.entrance.passkeys, form.get("code")
    claim = await visit.desk.entrance.codes.require(visit.actor, code, source=source)
    if "answer" not in form:
        options = await passkeys.begin_entering(session)
        return _making(visit, options, (), place=_CODE, code=code)
    answer = form.get("answer").encode()
    return see_other("/", keeping(await passkeys.enter(session, form.get("label"), answer, claim=claim, source=source)))


async def leave(visit: Visit) -> Reply:
    """Sign out."""
    await visit.desk.entrance.end(visit.request)
    return see_other("/", forgetting())


async def _begun(visit: Visit) -> tuple[Visit, tuple[tuple[str, str], ...]]:
    """The visit with a session, and the header fields by which the browser keeps one that is new."""
    if visit.session is not None:
        return visit, ()
    session, header = await visit.desk.entrance.begin(visit.actor, visit.request)
    return replace(visit, session=session), (header,)


def _making(visit: Visit, options: str, headers: tuple[tuple[str, str], ...], *, place: str, code: str = "") -> Reply:
    """The page on which the browser makes one, which is then sent to a place."""
    label = visit.form.get("label")
    page = visit.render(
        "passkey_make.html", is_scripted=True, label=label, options=options, here=place, action=place, code=code
    )
    return msgspec.structs.replace(page, headers=(*page.headers, *headers))


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
    Route("GET", "/sign-in/code", ask_for_code, Action.READ_OFFICERS, is_entrance=True),
    Route("POST", "/sign-in/code", add_by_code, Action.READ_OFFICERS, is_entrance=True),
    Route("POST", "/sign-out", leave, Action.READ_OFFICERS, is_entrance=True),
)
