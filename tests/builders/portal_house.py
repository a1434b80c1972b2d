"""One home with its portal, and browsers that read pages and send forms, without a socket."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from ca_core.registration.form import Form
from ca_core.registration.sheet import Sheet
from ca_core.secret import Secret
from protocols.wire import Peer, Reply, Request
from server import agreement
from server.acme_door import AcmeDoor
from server.assembly import Strongroom, strongroom
from server.cli.making import first_settings, make_home
from server.journaling import open_sequencer
from server.office import Office, office
from server.portal.cookie import COOKIE
from server.portal.gate_pictures import Codes
from server.public_door import public_dialogue
from server.settings import with_assignments
from server.signing_in import SigningIn, signing_in

FORM = "application/x-www-form-urlencoded"
SOURCE = "192.0.2.7"
GOOD = "lobster paints nine moons"
ORIGIN = "https://localhost:8443"


class PortalHouse:
    """A home and all that answers on its public listener.

    Attributes:
        clock_file: holds by how many seconds the home's clock is ahead.
    """

    def __init__(self, opened: Office, room: Strongroom, entering: SigningIn, clock_file: Path) -> None:
        self.opened = opened
        self.room = room
        self.entering = entering
        self.clock_file = clock_file

    async def open(self) -> None:
        agreements = await agreement.agreements(self.opened)
        acme = AcmeDoor(self.opened, self.room, agreements).dialogue(lambda: None)
        self.public = public_dialogue(self.opened, self.room, acme, agreements, self.entering)

    def move(self, seconds: int) -> None:
        """Set the clock ahead, by this much in all."""
        self.clock_file.write_text(str(seconds))

    async def keep(self) -> None:
        """Take a turn of the journal's, as a server does each second: without it nothing is issued."""
        sequencer = await open_sequencer(self.opened, self.room.gate)
        await sequencer.turn()

    async def register(self, account: str = "acc", subject: str = "CN=Alice,O=Example,C=TW") -> Sheet:
        form = Form(kind="person", subject=subject, account=account, profiles=("signing", "encryption"))
        _, sheet = await self.opened.desk.register(form, actor="desk:test")
        return sheet

    def browser(self, language: str = "en") -> Browser:
        return Browser(self, language)

    async def signed_in(self, account: str = "acc") -> Browser:
        """A browser of somebody who has changed the initial password to `GOOD`."""
        sheet = await self.register(account)
        browser = self.browser()
        await browser.sign_in(account, initial(sheet))
        browser.page = await browser.post("/password", old=initial(sheet), new=GOOD, again=GOOD)
        assert browser.page.status == 200, browser.text
        return browser


class Browser:
    """A subscriber's: it keeps cookies, follows redirects, and reads what forms hold."""

    def __init__(self, house: PortalHouse, language: str) -> None:
        self.house = house
        self.language = language
        self.cookies: dict[str, str] = {}
        self.path = ""
        self.page = Reply(0)

    async def get(self, path: str, **headers: str) -> Reply:
        reply = await self.sent("GET", path, headers)
        while reply.status == 303:
            reply = await self.sent("GET", dict(reply.headers)["Location"], headers)
        self.page = reply
        return reply

    @property
    def gate(self) -> dict[str, str]:
        """The right answer to the gate of the page that is shown: its picture, read with the key of the house."""
        picture = self.field("picture")
        code = Codes(self.house.opened.keeper).read(picture)
        assert code is not None, self.text
        return {"picture": picture, "code": code.digits}

    async def post(self, path: str, *, token: str | None = None, **fields: str) -> Reply:
        """What the form of the page that is shown sends, with its token unless another one is given."""
        reply = await self.posted(path, token=token, **fields)
        if reply.status == 303:
            return await self.get(dict(reply.headers)["Location"])
        self.page = reply
        return reply

    async def posted(self, path: str, *, token: str | None = None, **fields: str) -> Reply:
        body = urlencode({"csrf": self.token if token is None else token, **fields}).encode()
        return await self.sent("POST", path, {"content-type": FORM, "sec-fetch-site": "same-origin"}, body)

    async def sent(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        path, _, query = path.partition("?")
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"accept-language": self.language, "accept": "text/html", **({"cookie": cookies} if cookies else {})}
        self.path = path
        reply = await self.house.public.answer(Request(method, path, {**sent, **headers}, body, Peer(SOURCE), query))
        for name, value in reply.headers:
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return reply

    async def sign_in(self, account: str, password: str, **more: str) -> Reply:
        await self.get("/sign-in")
        return await self.post("/sign-in", account=account, password=password, **{**self.gate, **more})

    @property
    def text(self) -> str:
        return self.page.body.decode()

    @property
    def token(self) -> str:
        return self.field("csrf")

    @property
    def session(self) -> Secret:
        return Secret(self.cookies.get(COOKIE, ""))

    def field(self, name: str) -> str:
        """What a hidden field of the page that is shown holds; empty where there is none."""
        found = re.search(f'name="{name}" value="([^"]*)"', self.text)
        return html.unescape(found[1]) if found else ""

    def attribute(self, name: str) -> str:
        found = re.search(f'{name}="([^"]*)"', self.text)
        return html.unescape(found[1]) if found else ""


def initial(sheet: Sheet) -> str:
    assert sheet.initial_password is not None
    return sheet.initial_password.reveal()


@asynccontextmanager
async def portal_house(tmp_path: Path, *settings: str) -> AsyncIterator[PortalHouse]:
    """A home that serves nobody yet."""
    home, clock_file = tmp_path / "home", tmp_path / "clock"
    await make_home(
        home, with_assignments(first_settings("localhost", 8443, development=True), settings), "ec-p256", ()
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOAPSTONE_CLOCK_OFFSET_FILE", str(clock_file))
        async with office(home) as opened:
            room = await strongroom(opened)
            house = PortalHouse(opened, room, signing_in(opened, room.sign_in), clock_file)
            await house.open()
            yield house
