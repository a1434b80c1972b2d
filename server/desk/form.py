"""Forms as browsers send them, and the token that shows that they come from a page of the same officer's."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from ca_core.clock import Clock
from ca_core.errors import BadRequest, TooLarge
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.session import Session
from ca_core.staff.role import Actor
from protocols.wire import Request
from server.bridge import MOST_BODY_OCTETS

TOKEN = "csrf"
"""The name of the hidden field with the token."""
_MOST_FIELDS = 500
_MEDIA_TYPE = "application/x-www-form-urlencoded"
_DAY_SECONDS = 86_400
_SAME = frozenset({"", "same-origin", "none"})


class Posted:
    """The fields of a form, or of a query: texts without blanks around them and with plain ends of lines."""

    def __init__(self, fields: Mapping[str, tuple[str, ...]]) -> None:
        self._fields = fields

    def __contains__(self, name: object) -> bool:
        """Whether a field was sent, an empty one too."""
        return name in self._fields

    def get(self, name: str) -> str:
        """A field; empty where it was not sent, the first one where it was sent several times."""
        return self._fields.get(name, ("",))[0]

    def every(self, name: str) -> tuple[str, ...]:
        """All fields of a name that are not empty."""
        return tuple(filter(None, self._fields.get(name, ())))

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines of a field that are not empty."""
        return tuple(filter(None, map(str.strip, self.get(name).splitlines())))

    def items(self) -> list[tuple[str, str]]:
        """All but the token, each by itself, in the order in which they were sent."""
        return [(name, value) for name, values in self._fields.items() for value in values if name != TOKEN]


NOTHING = Posted({})


def posted(request: Request) -> Posted:
    """The form in a request's body.

    Raises:
        TooLarge: it is beyond what the listener reads.
        BadRequest: it is none.
    """
    if len(request.body) > MOST_BODY_OCTETS:
        raise TooLarge(f"a form may have {MOST_BODY_OCTETS} octets; send less at once")
    if request.media_type != _MEDIA_TYPE:
        raise BadRequest(f"a form is sent as {_MEDIA_TYPE}")
    return _read(request.body)


def queried(request: Request) -> Posted:
    """The fields of a request's query.

    Raises:
        BadRequest: it cannot be read.
    """
    return _read(request.query.encode("utf-8", "surrogateescape"))


def _read(octets: bytes) -> Posted:
    fields: dict[str, tuple[str, ...]] = {}
    try:
        pairs = parse_qsl(octets.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequest("the form cannot be read: it is not in UTF-8, or has too many fields") from None
    for name, value in pairs:
        # No store takes it, and nobody types it.
        if "\0" in name or "\0" in value:
            raise BadRequest("the form holds an octet of zero")
        fields[name] = (*fields.get(name, ()), value.replace("\r\n", "\n").strip())
    return Posted(fields)


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
