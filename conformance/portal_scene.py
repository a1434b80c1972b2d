"""A subscriber in the middle of everything: a certificate, a request, a key and a record in every state there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import APIResponse, Page

from conformance import acme
from conformance.browser import WIDE, Browser
from conformance.clients.device import Device
from conformance.house import House, must

ACCOUNT = "wang-1"
PASSWORD, PASSPHRASE = "seven quiet geese at dawn", "lobster paints nine moons"
PAGES = (
    *("GET /", "GET /sign-in", "POST /sign-in", "POST /sign-in/passkey", "POST /sign-out"),
    *("GET /password", "POST /password"),
    *("GET /apply", "POST /apply", "GET /apply/requests", "GET /apply/lost/{serial}", "POST /apply/lost/{serial}"),
    *("GET /renew", "POST /renew", "GET /download", "GET /revoke", "GET /certificates", "GET /certificates/{serial}"),
    *(f"{method} /certificates/{{serial}}/{act}" for act in ("revoke", "prove") for method in ("GET", "POST")),
    *("GET /passkeys", "POST /passkeys", "POST /passkeys/new"),
    *("GET /passkeys/{name}/remove", "POST /passkeys/{name}/remove"),
    *(f"{method} /devices/accounts/{{id}}/deactivate" for method in ("GET", "POST")),
    *("GET /devices", "GET /devices/new/{what}", "POST /devices/new/{what}"),
    *(f"{method} /devices/{{id}}/{act}" for act in ("rotate", "revoke") for method in ("GET", "POST")),
    "GET /history",
)
"""Every page, and what a form is sent to, as the portal's routes have them; all of them are looked at."""
FILES = ("GET /gate/{name}.png", "GET /gate/{name}.wav", "GET /certificates/{serial}/file/{form}")
"""What is no page."""
_SETTINGS = (
    "kinds.organization.revocation=review",
    "profiles.tls-server.approval=first",
    "profiles.device.revocation=reviewed-on-hold",
    "sessions.idle_minutes=120",
)
_TERMS = "You keep your key to yourself.\n\nWe keep our word.\n"
_SUBJECT = "CN=王小𠮷,O=範例股份有限公司,C=TW"
_NAMES = ("www.wang.example", "mail.wang.example")
_PROFILES = ("signing", "encryption", "tls-server", "device")
_CONTACT = ("--contact-name", "王小𠮷", "--contact-email", "wang@example.com", "--phone", "02-1234-5678")
_A_WHILE_DAYS = 0.01
_TOKEN = 'input[name="csrf"]'
_AGES = {
    "ending": "UPDATE certificates SET not_after = issued_at + 864000 WHERE profile = 'encryption'",
    "expired": "UPDATE certificates SET not_after = issued_at - 86400 WHERE profile = 'device'",
}
"""Done as soon as they are issued, when there is one of their profile."""
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""A virtual authenticator that says yes to everything, as the DevTools protocol describes one."""


def portal_house(folder: Path, *settings: str) -> House:
    """A house in which an officer looks at some things first, and whose agreement is to be accepted; not started."""
    terms = folder / "terms.txt"
    terms.write_text(_TERMS)
    return House(folder, *_SETTINGS, f'agreement.file="{terms}"', 'agreement.version="2026-1"', *settings)


class PortalScene:
    """Somebody who has been here for a while, and whose browsers are signed in.

    Attributes:
        folder: for what clients keep.
        sheet: of the subscriber; its password is not the initial one any more.
        serials: of the certificates, by what is the matter with them: `good`, `ending`, `expired`, `revoked` and
            `doubtful`, which is on hold until an officer has looked at it.
    """

    def __init__(self, house: House, browser: Browser, folder: Path) -> None:
        self.house, self.folder = house, folder
        self._browser = browser
        self.sheet = self.register(ACCOUNT)
        self.serials: dict[str, str] = {}
        self._certificates()
        page = browser.portal_page()
        enter(page, self.sheet)
        self._cookies = [one for one in page.context.cookies() if one["name"].startswith("__Host-")]
        self._devices(page)
        self._passkey(page)
        self._requests(page)
        page.context.close()
        # From now on a new secret is shown to who types the password once more.
        house.move_clock(days=_A_WHILE_DAYS)

    def register(self, account: str, kind: str = "organization", *more: str) -> dict[str, Any]:
        """Somebody with a new sheet; an organization may have every profile."""
        named = [part for name in _NAMES for part in ("--dns", name)] if kind == "organization" else []
        profiles = [part for name in _PROFILES for part in ("--profile", name)] if kind == "organization" else []
        given = ("--kind", kind, "--account", account, "--subject", _SUBJECT, "--email", "wang@example.com")
        return self.house.register(*given, *_CONTACT, *named, *profiles, *more)

    def page(
        self,
        language: str = "en",
        *,
        javascript: bool = True,
        width: int = WIDE,
        dark: bool = False,
        known: bool = True,
    ) -> Page:
        """A page that shows nothing yet, in a context of its own.

        Args:
            known: whether the subscriber is signed in there; all of them have one session.
        """
        page = self._browser.portal_page(language, javascript=javascript, width=width, dark=dark)
        if known:
            page.context.add_cookies(self._cookies)  # type: ignore[arg-type]  # as it was given
        return page

    def outside(self) -> Iterator[tuple[str, str]]:
        """Name and path of every page for whoever is not signed in."""
        yield "first", "/"
        yield "sign-in", "/sign-in"
        yield "sign-in-picture", "/sign-in?gate=picture"
        yield "sign-in-ended", "/sign-in?why=ended"
        yield "help", "/help/"
        yield "help-one", "/help/wrong-secret"
        yield "nowhere", "/elsewhere"

    def pages(self) -> Iterator[tuple[str, str]]:
        """Name and path of every page for the subscriber."""
        yield from (("apply", "/apply"), ("apply-requests", "/apply/requests"))
        yield from ((f"lost-{name}", f"/apply/lost/{self.serials[name]}") for name in ("good", "doubtful", "revoked"))
        yield from (("renew", "/renew"), ("download", "/download"), ("revoke", "/revoke"))
        yield "certificates", "/certificates"
        yield "certificates-searched", "/certificates?status=revoked"
        yield "certificates-none", "/certificates?name=nobody.example"
        yield "certificates-unreadable", "/certificates?serial=xyz"
        yield from ((f"certificate-{name}", f"/certificates/{serial}") for name, serial in self.serials.items())
        yield "certificate-asked", f"/certificates/{self.serials['doubtful']}?said=asked"
        yield from ((f"revoke-{name}", f"/certificates/{self.serials[name]}/revoke") for name in ("good", "doubtful"))
        yield "prove", f"/certificates/{self.serials['good']}/prove"
        yield from (("password", "/password"), ("password-done", "/password?done=1"))
        yield from (("passkeys", "/passkeys"), ("passkeys-done", "/passkeys?done=added"))
        yield from ((f"devices-new-{what}", f"/devices/new/{what}") for what in ("key", "code"))
        yield from (("devices", "/devices"), ("devices-done", "/devices?done=revoked"))
        yield from self._found()
        yield from (("history", "/history"), ("history-unreadable", "/history?since=yesterday"))
        yield from (("lost-nowhere", "/apply/lost/ab"), ("nowhere-known", "/elsewhere"))

    def _found(self) -> Iterator[tuple[str, str]]:
        """Pages about a key or a passkey, whose names only links tell."""
        page = self.page(javascript=False)
        for where, end in (*(("/devices", end) for end in ("rotate", "revoke", "deactivate")), ("/passkeys", "remove")):
            page.goto(where)
            yield f"{where[1:]}-{end}", str(page.locator(f'main a[href$="/{end}"]').first.get_attribute("href"))
        page.context.close()

    def _certificates(self) -> None:
        """Each by EST, and some of them older than they are."""
        device = Device(self.house, self.folder / "device")
        for name, profile in (
            *(("revoked", "signing"), ("good", "signing"), ("ending", "encryption")),
            *(("expired", "device"), ("doubtful", "device")),
        ):
            device.new_key()
            device.ask("/CN=wang")
            assert device.enroll(self.sheet, profile) == 200, device.said()
            printed = must("openssl", "x509", "-in", device.certificate, "-noout", "-serial")
            self.serials[name] = serial = printed.strip().removeprefix("serial=").lower()
            if name == "revoked":
                self.house.command("revoke", serial, "--reason", "superseded", "--note", "a new one")
            if name in _AGES:
                self.house.behind_its_back(_AGES[name])

    def _devices(self, page: Page) -> None:
        """A key that bound an account, a new key and a new code, and one that is of no use any more."""
        assert acme.Client(self.house).new_account(self.sheet["eab"]).status == 201
        for what, note in (("code", "舊電表"), ("key", "網站主機 2"), ("code", "meter 7")):
            limits = {"note": note, "uses": "3", "profiles": "tls-server" if what == "key" else "device"}
            self.post(page, f"/devices/new/{what}", **limits, names=_NAMES[0], networks="192.0.2.0/24")
            if note == "舊電表":
                page.goto("/devices")
                self.post(page, str(page.locator('main a[href$="/revoke"]').first.get_attribute("href")))

    def _passkey(self, page: Page) -> None:
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page.goto("/passkeys")
        page.locator("#label").fill("手機 telephone")
        page.locator('form[action="/passkeys/new"] button').click()
        page.locator("form[data-passkey] button").click()
        page.wait_for_url("**/passkeys?done=added")

    def _requests(self, page: Page) -> None:
        """Two that wait for an officer, and two that were rejected: for a certificate, and for its end."""
        for answer in ("reject", "leave"):
            self.apply(page, "tls-server")
            self._answered(answer)
        for name in ("good", "doubtful"):
            place = f"/certificates/{self.serials[name]}/revoke"
            self.post(page, place, reason="superseded", confirmed="yes")
            self._answered("reject" if name == "good" else "leave")

    def _answered(self, answer: str) -> None:
        if answer == "reject":
            newest = max(int(one["request"]) for one in self.waiting() if one["account"] == ACCOUNT)
            self.house.command("requests", "reject", str(newest), "--note", "先來電 call us <first>")

    def let_encryption_end_soon(self) -> None:
        """Every certificate for encryption that there is ends within its window."""
        self.house.behind_its_back(_AGES["ending"])

    def waiting(self) -> list[dict[str, Any]]:
        """What waits for an officer."""
        listed: list[dict[str, Any]] = json.loads(self.house.command("requests", "list", "--json"))
        return listed

    def request(self) -> str:
        """A certification request in PEM, by a new key."""
        key, out = self.folder / "own.key", self.folder / "own.csr"
        must("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        must("openssl", "req", "-new", "-key", key, "-subj", "/", "-out", out)
        return out.read_text()

    def apply(self, page: Page, profile: str) -> APIResponse:
        """Apply with a request made elsewhere; the agreement is accepted where it has to be."""
        page.goto("/apply")
        names = ("version", "sha256")
        told = {name: page.locator(f'form[data-apply] input[name="{name}"]') for name in names}
        accepted = {name: field.input_value() for name, field in told.items() if field.count()}
        fields = {"profile": profile, f"csr.{profile}": self.request(), **accepted}
        return self.post(page, "/apply", **fields, **({"agreement": "yes"} if accepted else {}))

    def post(self, page: Page, place: str, **fields: str) -> APIResponse:
        """Send a form of whoever is signed in to where it leads, without looking at it."""
        if not page.locator(_TOKEN).count():
            page.goto("/password")
        token = page.locator(_TOKEN).first.input_value()
        answer = page.context.request.post(
            place, form={"csrf": token, **fields}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert answer.ok, f"{place}: {answer.status}\n{answer.text()}"
        return answer


def enter(page: Page, sheet: dict[str, Any], password: str = PASSWORD) -> None:
    """Sign in for the first time, and choose a password."""
    initial = sheet["initial_password"]
    page.goto("/sign-in")
    page.locator("#account").fill(sheet["account"])
    page.locator("#password").fill(initial)
    page.locator("form[data-sign-in] button").click()
    page.wait_for_url("**/password")
    for name, typed in (("old", initial), ("new", password), ("again", password)):
        page.locator(f"#{name}").fill(typed)
    page.locator('form[action="/password"] button').click()
    page.wait_for_url("**/certificates")
