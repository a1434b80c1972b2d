"""A subscriber's own passkeys, and signing in with one."""

from __future__ import annotations

from collections.abc import Mapping

from ca_core.errors import NotFound, WrongSecret, WrongState
from ca_core.registration.passkey import LONGEST_LABEL, Passkey
from ca_core.secret import Secret
from protocols.wire import Reply
from server.addresses import is_at_address
from server.portal.pages.sign_in import entered
from server.portal.route import PortalRoute
from server.portal.visit import SCRIPT, Visit, see_other
from server.portal.words import phrase

_PLACE = "/passkeys"
# The bundle has it too, where it was built.
_PLAIN_SCRIPT = "passkey.js"
_NO_PASSWORD = phrase("The password is not right.")
_DONE: Mapping[str, str] = {
    "added": phrase("The passkey is registered; you can sign in with it from now on."),
    "removed": phrase("The passkey opens nothing any more."),
}


async def show(visit: Visit) -> Reply:
    """Those of who is signed in."""
    return await _list(visit)


async def _list(visit: Visit, *, status: int = 200, faults: Mapping[str, tuple[str, ...]] | None = None) -> Reply:
    held = await visit.portal.entering.passkeys.of(visit.registration.id)
    done = _DONE.get(visit.query.get("done"), "")
    origin, is_offered = visit.portal.origin, not is_at_address(visit.office.settings.public)
    return visit.render(
        "passkeys.html",
        status=status,
        passkeys=held,
        longest=LONGEST_LABEL,
        done=done,
        origin=origin,
        is_offered=is_offered,
        label=visit.form.get("label"),
        needs_password=visit.portal.entering.fresh.needs_password(visit.entered),
        faults=faults or {},
        here=_PLACE,
    )


async def make(visit: Visit) -> Reply:
    """Have the browser make one, of the name in the form; where the sign-in was long ago, for the password only.

    Raises:
        WrongState: no browser would.
    """
    _require_name(visit)
    try:
        # It would go on opening the account whatever becomes of the password.
        typed = Secret(visit.form.get("password"))
        await visit.portal.entering.fresh.require(visit.entered, typed, source=visit.source)
    except WrongSecret:
        return await _list(visit, status=403, faults={"password": (_NO_PASSWORD,)})
    options = await visit.portal.entering.passkeys.begin_registering(visit.entered)
    label = visit.form.get("label")
    return visit.render("passkey_make.html", scripts=_scripts(visit), label=label, options=options, here=_PLACE)


async def add(visit: Visit) -> Reply:
    """Take what the browser has made; all other sessions of the account end."""
    answer = visit.form.get("answer").encode()
    await visit.portal.entering.passkeys.register(visit.entered, visit.form.get("label"), answer, source=visit.source)
    return see_other(_PLACE, done="added")


async def ask_to_remove(visit: Visit) -> Reply:
    """Whether one is to be removed."""
    return visit.render("passkey_remove.html", passkey=await _named(visit))


async def remove(visit: Visit) -> Reply:
    """Remove one."""
    passkey = await _named(visit)
    await visit.portal.entering.passkeys.remove(visit.entered, passkey.credential_id, source=visit.source)
    return see_other(_PLACE, done="removed")


async def sign_in(visit: Visit) -> Reply:
    """Look at what a passkey has signed; the gate is not asked for."""
    answer = visit.form.get("answer").encode()
    begun = await visit.portal.entering.passkey_sign_in.sign_in(answer, source=visit.source)
    return await entered(visit, begun)


def _require_name(visit: Visit) -> None:
    """Browsers keep passkeys for names only (Web Authentication, level 2, 5.1.2: a valid domain)."""
    if is_at_address(visit.office.settings.public):
        raise WrongState("no passkeys are made here, for this portal has an IP address in the place of a name")


def _scripts(visit: Visit) -> tuple[str, ...]:
    return (SCRIPT,) if visit.portal.assets.named(SCRIPT) else (_PLAIN_SCRIPT,)


async def _named(visit: Visit) -> Passkey:
    """The passkey in the path, of the visitor's own.

    Raises:
        NotFound: there is none such.
    """
    for passkey in await visit.portal.entering.passkeys.of(visit.registration.id):
        if passkey.name == visit.path["name"]:
            return passkey
    raise NotFound("there is no such passkey of yours")


ROUTES = (
    PortalRoute("GET", _PLACE, show),
    PortalRoute("POST", _PLACE, add),
    PortalRoute("POST", f"{_PLACE}/new", make),
    PortalRoute("GET", f"{_PLACE}/{{name}}/remove", ask_to_remove),
    PortalRoute("POST", f"{_PLACE}/{{name}}/remove", remove),
    PortalRoute("POST", "/sign-in/passkey", sign_in, None),
)
