"""Signing in with account and password, and signing out."""

from __future__ import annotations

from ca_core.errors import WrongSecret
from ca_core.registration.portal_sign_in import Begun
from ca_core.registration.session import Step
from ca_core.secret import Secret
from protocols.wire import Reply
from server.addresses import is_at_address
from server.portal import cookie
from server.portal.route import PortalRoute
from server.portal.visit import SCRIPT, Visit, see_other
from server.portal.words import phrase

_PLACE = "/sign-in"
_ENDED = phrase(
    "You are not signed in any more: nothing was done for a while, or the password or the sheet was changed. Sign in"
    " again."
)
_AGAIN = phrase("The check that no program signs in was not passed, or it took too long. Try again.")


async def ask(visit: Visit) -> Reply:
    """The form; whoever is signed in needs none."""
    if visit.session is not None:
        return _onward(visit, visit.session.step)
    return _form(visit, told=_ENDED if visit.query.get("why") == "ended" else "")


async def prove(visit: Visit) -> Reply:
    """Look at the gate's answer first: without one, no password is looked at."""
    if not await visit.portal.gate.is_passed(visit.form):
        return _form(visit, status=403, fault=_AGAIN)
    account, typed = visit.form.get("account"), Secret(visit.form.get("password"))
    try:
        begun = await visit.portal.entering.portal.sign_in(account, typed, source=visit.source)
    except WrongSecret:
        # One page, the same to the octet, whatever was wrong (RULES, S5).
        return visit.render("sign_in_refused.html", status=403, here=_PLACE)
    return await entered(visit, begun)


async def leave(visit: Visit) -> Reply:
    """Sign out."""
    await visit.portal.entering.sessions.end(cookie.token(visit.request), source=visit.source)
    return see_other("/", cookie.forgetting())


async def entered(visit: Visit, begun: Begun) -> Reply:
    """Go on with a new session; one that the browser had before ends with it."""
    if visit.session is not None:
        await visit.portal.entering.sessions.end(cookie.token(visit.request), source=visit.source)
    return _onward(visit, begun.step, cookie.keeping(begun.token))


def _form(visit: Visit, *, status: int = 200, told: str = "", fault: str = "") -> Reply:
    # Where the script was not built, no browser can work.
    is_read = visit.query.get("gate") == "picture" or visit.portal.assets.named(SCRIPT) is None
    asked = visit.portal.gate.asked(wants_picture=is_read)
    # Browsers keep passkeys for names only.
    passkey = "" if is_at_address(visit.office.settings.public) else visit.portal.entering.passkey_sign_in.begin()
    return visit.render(
        "sign_in.html",
        passkey=passkey,
        status=status,
        scripts=(SCRIPT,),
        gate=asked,
        told=told,
        fault=fault,
        here=_PLACE,
    )


def _onward(visit: Visit, step: Step, *headers: tuple[str, str]) -> Reply:
    return see_other(visit.portal.home if step is Step.SIGNED_IN else "/password", *headers)


ROUTES = (
    PortalRoute("GET", _PLACE, ask, None),
    PortalRoute("POST", _PLACE, prove, None),
    PortalRoute("POST", "/sign-out", leave, Step.CHANGE_PASSWORD),
)
