"""Changing the password: the first step with an initial one, and later whenever somebody likes (RULES, S3 and S13)."""

from __future__ import annotations

from collections.abc import Mapping

from ca_core.errors import WrongSecret
from ca_core.registration.errors import BadPassword, PasswordFault
from ca_core.registration.kind import PasswordPolicy
from ca_core.registration.portal_sign_in import Choice
from ca_core.registration.session import Step
from ca_core.secret import Secret
from protocols.wire import Reply
from server.portal import cookie
from server.portal.route import PortalRoute
from server.portal.visit import Visit, see_other
from server.portal.words import phrase

_PLACE = "/password"
_WRONG = phrase("The old password is not right.")
_FAULTS: Mapping[PasswordFault, str] = {
    PasswordFault.TOO_SHORT: phrase("The new password is too short."),
    PasswordFault.TOO_LONG: phrase("The new password is too long."),
    PasswordFault.CONTROL: phrase("The new password holds a character that no keyboard types."),
    PasswordFault.BLOCKED: phrase("Others use this password, too; choose another one."),
    PasswordFault.GUESSABLE: phrase("This password can be guessed; choose a longer one, not made of your own data."),
    PasswordFault.SAME: phrase("The new password is the old one; choose another."),
    PasswordFault.DIFFERENT: phrase("The new password and its repetition differ; type both again."),
}
_HINTS: Mapping[PasswordPolicy, str] = {
    PasswordPolicy.MANUAL: phrase("6 to 16 characters."),
    PasswordPolicy.MODERN: phrase("8 to 128 characters; several words that nobody expects together are best."),
}


async def ask(visit: Visit) -> Reply:
    """The form."""
    return _form(visit, done="done" in visit.query)


async def change(visit: Visit) -> Reply:
    """Change it; every other session of the account ends, and this one goes on under another token."""
    choice = Choice(*(Secret(visit.form.get(name)) for name in ("old", "new", "again")))
    is_first = visit.entered.step is Step.CHANGE_PASSWORD
    token = cookie.token(visit.request)
    try:
        begun = await visit.portal.entering.portal.change(token, choice, source=visit.source)
    except BadPassword as refusal:
        field = "again" if refusal.fault is PasswordFault.DIFFERENT else "new"
        return _form(visit, status=422, faults={field: (_FAULTS[refusal.fault],)})
    except WrongSecret:
        return _form(visit, status=403, faults={"old": (_WRONG,)})
    if is_first:
        return see_other(visit.portal.home, cookie.keeping(begun.token))
    return see_other(_PLACE, cookie.keeping(begun.token), done="1")


def _form(
    visit: Visit, *, status: int = 200, done: bool = False, faults: Mapping[str, tuple[str, ...]] | None = None
) -> Reply:
    policy = visit.office.kinds.named(visit.registration.kind).password_policy
    is_first = visit.entered.step is Step.CHANGE_PASSWORD
    return visit.render(
        "password.html", status=status, done=done, faults=faults or {}, hint=_HINTS[policy], is_first=is_first
    )


ROUTES = (
    PortalRoute("GET", _PLACE, ask, Step.CHANGE_PASSWORD),
    PortalRoute("POST", _PLACE, change, Step.CHANGE_PASSWORD),
)
