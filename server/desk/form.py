"""The token that shows that a form comes from a page of the same officer's."""

from __future__ import annotations

import hashlib
import hmac

from ca_core.clock import Clock
from ca_core.errors import BadRequest
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.session import Session
from ca_core.staff.role import Actor
from protocols.wire import Request
from server.web.forms import TOKEN, Posted

_DAY_SECONDS = 86_400
_SAME = frozenset({"", "same-origin", "none"})


class FormTokens:
    """Tokens of forms: a certificate comes with every request that a browser sends, whoever has it sent.

    A token is of one officer, one certificate and one day, and nothing of it is stored; where there is a session, it is
    of that session.
    """

    def __init__(self, keeper: SecretKeeper, clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock

    def make(self, actor: Actor, request: Request, session: Session | None = None) -> str:
        """The token for the forms of a page."""
        return session.csrf if session else self._mac(actor, request, self._clock.now() // _DAY_SECONDS)

    def require(self, actor: Actor, request: Request, form: Posted, session: Session | None = None) -> None:
        """Let only a form pass that comes from a page of the same session's.

        Where there is none, from one of today's or yesterday's, of the same officer's.

        Raises:
            PageOutdated: it is of another session.
            BadRequest: it is no page of theirs, or too old.
        """
        if session is not None:
            _require_ours(request, is_good=True)
            session.require_form(form.get(TOKEN))
            return
        today = self._clock.now() // _DAY_SECONDS
        given = form.get(TOKEN).encode()
        good = [hmac.compare_digest(self._mac(actor, request, day).encode(), given) for day in (today, today - 1)]
        _require_ours(request, is_good=any(good))

    def _mac(self, actor: Actor, request: Request, day: int) -> str:
        certificate = hashlib.sha256(request.peer.certificate or b"").hexdigest()
        return self._keeper.link_mac(f"desk form\n{actor.registration_id}\n{certificate}\n{day}".encode()).hex()


def _require_ours(request: Request, *, is_good: bool) -> None:
    # Browsers say by themselves whether another site has a form sent.
    if not is_good or request.headers.get("sec-fetch-site", "") not in _SAME:
        raise BadRequest("this form does not come from a page of yours, or the page is old: open it anew")
