"""One request at the desk, with all that a page needs to answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from cryptography import x509
from markupsafe import Markup

from ca_core.registration.errors import SessionEnded
from ca_core.registration.session import Session, Step
from ca_core.staff.role import Action, Actor
from protocols.wire import Reply, Request
from server.desk.entrance import Entrance
from server.desk.form import FormTokens
from server.office import Office
from server.verifying import Verifier
from server.web import languages
from server.web.forms import NOTHING, TOKEN, Posted, queried
from server.web.frame import HEADERS, Frame

_HIDDEN = Markup('<input type="hidden" name="{}" value="{}">')


Chain = Callable[[str], Sequence[x509.Certificate]]
"""The certificates of a CA and of those above it, by its name."""


@dataclass(frozen=True)
class NavItem:
    """A link that stands on every page, for whoever may follow it.

    Attributes:
        label: in English; marked by `phrase`.
    """

    path: str
    label: str
    action: Action | None


@dataclass(frozen=True)
class Desk:
    """What all pages are made with.

    Attributes:
        chain: the certificates of a CA and of those above it, by its name.
    """

    office: Office
    frame: Frame
    tokens: FormTokens
    nav: tuple[NavItem, ...]
    chain: Chain
    verifier: Verifier
    entrance: Entrance


@dataclass(frozen=True)
class Visit:
    """One request.

    Attributes:
        language: one of `LANGUAGES`.
        path: the parts of the path that the route's pattern names.
        form: what was posted; its token was right.
        session: of the browser, however far in; None where there is none.
        is_in: whether they owe no passkey; who does is shown no way to other pages.
    """

    request: Request
    actor: Actor
    language: str
    desk: Desk
    path: Mapping[str, str] = field(default_factory=dict)
    form: Posted = field(default=NOTHING)
    session: Session | None = None
    is_in: bool = True

    @property
    def office(self) -> Office:
        """What the RA works with."""
        return self.desk.office

    @property
    def now(self) -> int:
        """UTC seconds."""
        return self.office.clock.now()

    @property
    def query(self) -> Posted:
        """The query's fields.

        Raises:
            BadRequest: it cannot be read.
        """
        return queried(self.request)

    @property
    def entered(self) -> Session:
        """The session, for what nobody does without one.

        Raises:
            SessionEnded: there is none, or not any more.
        """
        if self.session is None:
            raise SessionEnded
        return self.session

    def may(self, action: Action) -> bool:
        """Whether the actor may do something; pages show nobody a way to what they may not."""
        return action in self.actor.permitted

    def say(self, text: str, **values: object) -> str:
        """A text in the reader's language; in it, `%(name)s` stands for a value."""
        translated = languages.texts(self.language).gettext(text)
        return translated % values if values else translated

    def render(self, template: str, *, status: int = 200, is_scripted: bool = False, **values: object) -> Reply:
        """A page; the template has `actor`, `may`, `here`, `csrf`, `can_leave` and `now` beside the values.

        Args:
            is_scripted: whether it runs our script for passkeys.
        """
        token = self.desk.tokens.make(self.actor, self.request, self.session)
        nav = self.desk.nav if self.is_in else ()
        common = {
            "actor": self.actor,
            "may": {action.name: self.may(action) for action in Action},
            "here": self.request.path,
            "asked_here": languages.asked(self.request) if self.request.method in {"GET", "HEAD"} else "",
            "csrf": _HIDDEN.format(TOKEN, token),
            "nav": [item for item in nav if item.action is None or self.may(item.action)],
            "can_leave": self.session is not None and self.session.step is Step.SIGNED_IN,
            "now": self.now,
        }
        values = {**common, **values}
        return self.desk.frame.render(template, self.language, values, status=status, is_scripted=is_scripted)


def see_other(path: str, /, *headers: tuple[str, str], **query: str) -> Reply:
    """Send a browser on with GET: what was posted is not posted again by whoever loads the page anew.

    Args:
        path: one of ours, not percent-encoded; never what somebody sent.
    """
    place = quote(path) + (f"?{urlencode(query)}" if query else "")
    return Reply(303, (("Location", place), *HEADERS, *headers))


Handler = Callable[[Visit], Awaitable[Reply]]
