"""One request at the portal, with all that a page needs to answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, urlencode

from cryptography import x509
from markupsafe import Markup

from ca_core.enrollment import Enrollment
from ca_core.registration.account import Registration
from ca_core.registration.errors import SessionEnded
from ca_core.registration.session import Session, Step
from ca_core.subscriber.holdings import Holdings
from ca_core.subscriber.proving import Proving
from protocols.acme.agreements import Agreements
from protocols.wire import Reply, Request
from server.office import Office
from server.portal.gate import Gate
from server.portal.gate_pictures import Codes
from server.signing_in import SigningIn
from server.web import languages
from server.web.asset_files import AssetFiles
from server.web.forms import NOTHING, TOKEN, Posted, queried
from server.web.frame import HEADERS as COMMON_HEADERS
from server.web.frame import Frame

SCRIPT, KEYS_SCRIPT = "portal.js", "keys.js"
"""The bundles of our scripts: for most pages, and for those that touch a private key."""
_CHANGED: Mapping[str, Callable[[str], str]] = {
    # Older browsers say by the Origin field alone which site has a form sent, and would leave it out.
    "Referrer-Policy": lambda _: "same-origin",
    # The digits of the gate can be heard.
    "Content-Security-Policy": lambda policy: f"{policy}; media-src 'self'",
}
HEADERS = tuple((name, _CHANGED.get(name, str)(value)) for name, value in COMMON_HEADERS)
"""Of everything that the portal answers."""
_HIDDEN = Markup('<input type="hidden" name="{}" value="{}">')

Chain = Callable[[str], Sequence[x509.Certificate]]
"""The certificates of a CA and of those above it, by its name."""
Roots = Callable[[], Sequence[x509.Certificate]]
"""What subscribers trust."""


class Tab(NamedTuple):
    """A link that stands on every page of who is signed in; its label is in English."""

    path: str
    label: str


class Address(NamedTuple):
    """Where a program finds something; its label is in English."""

    label: str
    url: str


@dataclass(frozen=True)
class Portal:
    """What all pages are made with.

    Attributes:
        origin: where the pages are, as browsers write it.
        home: the path of the first page of who is signed in.
        addresses: for programs; what the first page says of them.
    """

    office: Office
    frame: Frame
    assets: AssetFiles
    entering: SigningIn
    gate: Gate
    codes: Codes
    enrollment: Enrollment
    holdings: Holdings
    proving: Proving
    agreements: Agreements
    chain: Chain
    roots: Roots
    origin: str
    tabs: tuple[Tab, ...]
    home: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Visit:
    """One request.

    Attributes:
        language: one of `LANGUAGES`.
        session: of the browser; None where nobody is signed in.
        path: the parts of the path that the route's pattern names.
        form: what was posted; its token was right where somebody is signed in.
    """

    request: Request
    language: str
    portal: Portal
    session: Session | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    form: Posted = field(default=NOTHING)

    @property
    def office(self) -> Office:
        """What the RA works with."""
        return self.portal.office

    @property
    def entered(self) -> Session:
        """The session, for what nobody does without one.

        Raises:
            SessionEnded: there is none, or not any more.
        """
        if self.session is None:
            raise SessionEnded
        return self.session

    @property
    def registration(self) -> Registration:
        """Who is signed in.

        Raises:
            SessionEnded: nobody is.
        """
        return self.entered.registration

    @property
    def now(self) -> int:
        """UTC seconds."""
        return self.office.clock.now()

    @property
    def source(self) -> str:
        """The textual IP address of the browser."""
        return self.request.peer.address

    @property
    def query(self) -> Posted:
        """The query's fields.

        Raises:
            BadRequest: it cannot be read.
        """
        return queried(self.request)

    def say(self, text: str, **values: object) -> str:
        """A text in the reader's language; in it, `%(name)s` stands for a value."""
        translated = languages.texts(self.language).gettext(text)
        return translated % values if values else translated

    def render(self, template: str, *, status: int = 200, scripts: tuple[str, ...] = (), **values: object) -> Reply:
        """A page; the template has `account`, `tabs`, `here`, `csrf`, `is_in` and `now` beside the values.

        Args:
            scripts: the names of ours that it runs; those that were not built are left out.
        """
        is_in = self.session is not None and self.session.step is Step.SIGNED_IN
        common = {
            "account": self.session.registration.account if self.session else "",
            "here": self.request.path,
            "asked_here": languages.asked(self.request) if self.request.method in {"GET", "HEAD"} else "",
            "csrf": _HIDDEN.format(TOKEN, self.session.csrf) if self.session else "",
            "is_in": is_in,
            "tabs": self.portal.tabs if is_in else (),
            "scripts": [found for found in map(self.portal.assets.named, scripts) if found is not None],
            "now": self.now,
        }
        values = {**common, **values}
        has_scripts = bool(values["scripts"])
        return self.portal.frame.render(template, self.language, values, status=status, is_scripted=has_scripts)


def see_other(path: str, /, *headers: tuple[str, str], **query: str) -> Reply:
    """Send a browser on with GET: what was posted is not posted again by whoever loads the page anew.

    Args:
        path: one of ours, not percent-encoded; never what somebody sent.
    """
    place = quote(path) + (f"?{urlencode(query)}" if query else "")
    return Reply(303, (("Location", place), *HEADERS, *headers))


Handler = Callable[[Visit], Awaitable[Reply]]
