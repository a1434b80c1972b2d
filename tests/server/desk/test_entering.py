"""The desk asks for a passkey beside the certificate: what opens then, to whom, and how long."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.revocation.reason import Reason
from ca_core.staff.reception import Reception
from ca_core.staff.role import Action, Role, Via
from protocols.wire import Peer, Reply, Request
from server.api.dialogue import ApiDialogue
from server.api.operation import PREFIX as API
from server.api.operation import Services
from server.assembly import Strongroom, strongroom
from server.cli.first_officer import take_on_and_explain
from server.cli.making import first_settings, make_home
from server.cli.officer_certificates import certified
from server.cli.officer_passkeys import with_code
from server.desk.entrance import COOKIE, Entrance
from server.desk.routes import ROUTES, desk_dialogue
from server.desk_door import ApiDoor, PagesDoor
from server.office import Office, office
from server.settings import with_assignments
from server.verifying import Verifier
from server.web.asset_files import AssetFiles
from tests.builders.authenticator import Authenticator

FORM = "application/x-www-form-urlencoded"
SOURCE = "192.0.2.7"
MINUTE, HOUR = 60, 3_600
OPTIONAL = "officers.passkey=optional"
REQUIRED = "officers.passkey=required"


class Offset:
    """The clock of a development home, which can be moved."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seconds = 0

    def move(self, seconds: int) -> None:
        self._seconds += seconds
        self.path.write_text(str(self._seconds))


class House:
    """One home, its desk, and who works there."""

    def __init__(self, opened: Office, room: Strongroom, clock: Offset) -> None:
        self.opened = opened
        self.clock = clock
        assets, verifier = AssetFiles(), Verifier(opened)
        self.entrance = Entrance(opened, room.sign_in)
        reception = Reception(opened.database, opened.clock, opened.keeper, room.sign_in)
        self._pages = PagesDoor(reception, desk_dialogue(opened, assets, room.chain, verifier, self.entrance), assets)
        api = ApiDialogue(Services(opened, lambda name: room.chains_pem(name)[0], verifier))
        self._api = ApiDoor(reception, api, self.entrance)

    async def answer(self, request: Request) -> Reply:
        return await (self._api if request.path.startswith(API) else self._pages).answer(request)

    async def take_on(self, name: str, role: Role = Role.SUPERVISOR) -> Browser:
        """Somebody new with a certificate; where passkeys are required, with a code as well."""
        taken = await self.opened.staff.officers.add(name, role, realm="main", actor="cli:operator")
        made = await with_code(self.opened, await certified(self.opened, taken, request=request()))
        assert made.certificate is not None
        return Browser(self, name, der(made.certificate), made.passkey_code or "")

    async def further_certificate(self, name: str) -> bytes:
        found = await self.opened.staff.officers.find(name)
        made = await certified(self.opened, found, request=request())
        assert made.certificate is not None
        return der(made.certificate)

    def device(self) -> Authenticator:
        return Authenticator(host="localhost", origin=self.opened.settings.desk)


def request() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, SHA256())
        .public_bytes(Encoding.DER)
    )


def der(pem: str) -> bytes:
    return x509.load_pem_x509_certificates(pem.encode())[0].public_bytes(Encoding.DER)


class Browser:
    """An officer's: it keeps cookies, and reads what forms hold."""

    def __init__(self, house: House, name: str, certificate: bytes, code: str) -> None:
        self.house = house
        self.name = name
        self.certificate = certificate
        self.code = code
        self.cookie = ""
        self.page = Reply(0)
        self.device = house.device()

    async def get(self, path: str, **headers: str) -> Reply:
        self.page = await self._sent("GET", path, headers)
        while self.page.status == 303:
            self.page = await self._sent("GET", dict(self.page.headers)["Location"], headers)
        return self.page

    async def post(self, path: str, *, token: str | None = None, **fields: str) -> Reply:
        """What the form of the page that is shown sends, with its token unless another one is given."""
        body = urlencode({"csrf": self.token if token is None else token, **fields}).encode()
        reply = await self._sent("POST", path, {"content-type": FORM}, body)
        if reply.status == 303:
            return await self.get(dict(reply.headers)["Location"])
        return reply

    async def _sent(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        path, _, query = path.partition("?")
        sent = {**headers, **({"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {})}
        peer = Peer(SOURCE, certificate=self.certificate)
        reply = await self.house.answer(Request(method, path, sent, body, peer, query))
        for name, value in reply.headers:
            if name == "Set-Cookie" and value.startswith(f"{COOKIE}="):
                self.cookie = value.partition("=")[2].partition(";")[0]
        return reply

    @property
    def text(self) -> str:
        return self.page.body.decode()

    @property
    def token(self) -> str:
        found = re.search(r'name="csrf" value="([^"]*)"', self.text)
        return found[1] if found else ""

    @property
    def options(self) -> str:
        found = re.search(r'data-options="([^"]*)"', self.text)
        assert found is not None, self.text
        return html.unescape(found[1])

    async def register(self) -> Reply:
        """The first passkey, with the operator's code."""
        await self.get("/sign-in/code")
        self.page = await self.post("/sign-in/code", code=self.code, label="phone")
        answer = self.device.create(self.options).decode()
        return await self.post("/sign-in/code", code=self.code, label="phone", answer=answer)

    async def add(self, device: Authenticator, label: str) -> None:
        """Another one, or the first one where it is optional."""
        await self.get("/passkeys")
        self.page = await self.post("/passkeys/new", label=label)
        self.page = await self.post("/passkeys", label=label, answer=device.create(self.options).decode())

    async def show(self) -> Reply:
        await self.get("/sign-in")
        return await self.post("/sign-in", answer=self.device.get(self.options).decode())

    async def is_in(self) -> bool:
        await self.get("/officers")
        return self.page.status == 200 and "Who works here" in self.text


@asynccontextmanager
async def opened(tmp_path: Path, setting: str) -> AsyncIterator[House]:
    home, clock = tmp_path / "home", Offset(tmp_path / "clock")
    settings = with_assignments(first_settings("localhost", 8443, development=True), (setting,))
    await make_home(home, settings, "ec-p256", ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOAPSTONE_CLOCK_OFFSET_FILE", str(clock.path))
        async with office(home) as made:
            yield House(made, await strongroom(made), clock)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, REQUIRED) as made:
        yield made


@pytest.fixture
async def alice(house: House) -> Browser:
    return await house.take_on("alice-1")


async def test_a_code_registers_the_first_passkey_and_from_then_on_the_passkey_opens(alice: Browser) -> None:
    assert not await alice.is_in()
    assert "Register a passkey with a code" in alice.text

    await alice.register()

    assert await alice.is_in()
    alice.page = await alice.post("/sign-out")
    assert "Show your passkey" in alice.text
    assert not await alice.is_in()
    assert "Show your passkey" in alice.text
    await alice.show()
    assert await alice.is_in()


async def test_the_cookie_is_for_this_origin_and_for_no_script(alice: Browser) -> None:
    reply = await alice._sent("GET", "/sign-in", {})

    (cookie,) = (value for name, value in reply.headers if name == "Set-Cookie")
    assert cookie.startswith("__Host-desk=")
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")


async def test_no_page_and_no_form_opens_to_a_certificate_alone(alice: Browser) -> None:
    for route in (one for one in ROUTES if not one.is_entrance):
        path = re.sub(r"\{[a-z_]+\}", "1", route.pattern)
        await alice.get("/sign-in")
        if route.method == "GET":
            for cookie in (alice.cookie, "", "x" * 5_000):
                alice.cookie = cookie
                reply = await alice._sent("GET", path, {})
                assert (reply.status, dict(reply.headers)["Location"]) == (303, "/sign-in"), path
        else:
            half_way = await alice.post(path)
            alice.cookie = ""
            assert (half_way.status, (await alice.post(path)).status) == (403, 403), path


async def test_a_thief_of_the_certificate_registers_nothing(house: House, alice: Browser) -> None:
    thief = Browser(house, "alice-1", alice.certificate, "2222-2222-2222-2222-2222-2222")
    await thief.get("/")

    refused = await thief.post("/sign-in/code", code=thief.code)
    at_once = await thief.post("/sign-in/code", code=thief.code, label="mine", answer="{}")
    added = await thief.post("/passkeys", label="mine", answer="{}")

    assert (refused.status, at_once.status, added.status) == (403, 403, 403)
    assert b"data-options" not in refused.body
    assert await house.opened.staff.passkeys.of("alice-1") == []


async def test_a_code_is_its_officers_and_good_once_and_not_for_long(house: House, alice: Browser) -> None:
    bob = await house.take_on("bob-2")
    stranger = Browser(house, "bob-2", bob.certificate, alice.code)
    await stranger.get("/")
    assert (await stranger.post("/sign-in/code", code=alice.code)).status == 403

    await alice.get("/")
    alice.page = await alice.post("/sign-in/code", code=f" {alice.code.lower()} ")
    again = await Browser.post(alice, "/sign-in/code", code=alice.code)
    answer = alice.device.create(_options(again)).decode()
    await alice.post("/sign-in/code", code=alice.code, label="one", answer=answer)
    assert await alice.is_in()
    alice.page = await alice.post("/sign-out")
    await alice.get("/sign-in")
    assert (await alice.post("/sign-in/code", code=alice.code)).status == 403

    house.clock.move(24 * HOUR + 1)
    await bob.get("/")
    assert (await bob.post("/sign-in/code", code=bob.code)).status == 403
    later = await house.opened.staff.passkeys.give_code("bob-2", actor="cli:operator", hours=1)
    assert (await bob.post("/sign-in/code", code=later.code.reveal())).status == 200


def _options(reply: Reply) -> str:
    found = re.search(r'data-options="([^"]*)"', reply.body.decode())
    assert found is not None
    return html.unescape(found[1])


async def test_a_code_that_is_taken_meanwhile_stores_nothing(house: House, alice: Browser) -> None:
    await alice.get("/")
    alice.page = await alice.post("/sign-in/code", code=alice.code)
    actor = (await house.opened.staff.officers.find("alice-1")).acting(Via.DESK)
    claim = await house.entrance.codes.require(actor, alice.code, source=SOURCE)
    async with house.opened.database.write() as tx:
        await claim(tx)

    answer = alice.device.create(alice.options).decode()
    assert (await alice.post("/sign-in/code", code=alice.code, label="x", answer=answer)).status == 403
    assert await house.opened.staff.passkeys.of("alice-1") == []


async def test_a_session_is_of_one_officer_and_one_certificate(house: House, alice: Browser) -> None:
    bob = await house.take_on("bob-2")
    await alice.register()

    bob.cookie = alice.cookie
    assert not await bob.is_in()
    other = Browser(house, "alice-1", await house.further_certificate("alice-1"), "")
    other.cookie = alice.cookie
    assert not await other.is_in()
    assert await alice.is_in()


async def test_a_token_from_before_is_worth_nothing_after(house: House, alice: Browser) -> None:
    await alice.register()
    await alice.post("/sign-out", token=await _token_of(alice))
    await alice.get("/sign-in")
    planted = alice.cookie

    await alice.show()

    assert alice.cookie != planted
    thief = Browser(house, "alice-1", alice.certificate, "")
    thief.cookie = planted
    assert not await thief.is_in()
    assert await alice.is_in()


async def _token_of(browser: Browser) -> str:
    await browser.get("/officers")
    return browser.token


async def test_an_answer_opens_once(house: House, alice: Browser) -> None:
    await alice.register()
    thief = Browser(house, "alice-1", alice.certificate, "")
    await alice.post("/sign-out", token=await _token_of(alice))
    await alice.get("/sign-in")
    answer = alice.device.get(alice.options).decode()
    await thief.get("/sign-in")

    await alice.post("/sign-in", answer=answer)

    assert await alice.is_in()
    assert (await thief.post("/sign-in", answer=answer)).status == 403
    assert not await thief.is_in()


async def test_somebody_elses_passkey_opens_nothing(house: House, alice: Browser) -> None:
    bob = await house.take_on("bob-2")
    await alice.register()
    await bob.register()
    await alice.post("/sign-out", token=await _token_of(alice))
    alice.device = bob.device

    assert (await alice.show()).status == 403
    assert not await alice.is_in()


async def test_a_form_is_of_its_session_and_of_no_other_site(house: House, alice: Browser) -> None:
    await house.take_on("bob-2")
    await alice.register()
    await alice.get("/officers/bob-2/suspend")
    before = alice.token
    body = urlencode({"csrf": before}).encode()
    crossed = {"content-type": FORM, "sec-fetch-site": "cross-site"}
    assert (await alice._sent("POST", "/officers/bob-2/suspend", crossed, body)).status == 400

    alice.page = await alice.post("/sign-out")
    await alice.show()

    assert (await alice.post("/officers/bob-2/suspend", token=before)).status == 403
    assert (await alice.post("/sign-out", token="")).status == 403
    assert await alice.is_in()


async def test_a_link_on_another_site_signs_nobody_out(alice: Browser) -> None:
    await alice.register()
    kept, alice.cookie = alice.cookie, ""

    await alice.get("/officers", **{"sec-fetch-site": "cross-site"})

    assert "You come from another site" in alice.text
    assert alice.cookie == ""
    alice.cookie = kept
    assert await alice.is_in()


async def test_a_session_ends_when_it_is_not_used_and_in_any_case(house: House, alice: Browser) -> None:
    await alice.register()
    # The clock goes on meanwhile, by more on a busy machine.
    house.clock.move(14 * MINUTE)
    assert await alice.is_in()
    house.clock.move(15 * MINUTE + 1)
    assert not await alice.is_in()

    await alice.show()
    for _ in range(8 * 6):
        assert await alice.is_in()
        house.clock.move(10 * MINUTE)
    house.clock.move(1)
    assert not await alice.is_in()


async def test_what_stops_an_officer_ends_the_session(house: House) -> None:
    async def suspended(one: Browser) -> None:
        await house.opened.desk.suspend(f"officer.{one.name}", actor="ra")
        assert (await one.get("/")).status == 403
        await house.opened.desk.resume(f"officer.{one.name}", actor="ra")

    async def ended(one: Browser) -> None:
        await house.opened.staff.officers.end(one.name, actor="ra")

    async def revoked(one: Browser) -> None:
        serial = f"{x509.load_der_x509_certificate(one.certificate).serial_number:040x}"
        await house.opened.revocations.revoke(serial, Reason.KEY_COMPROMISE, actor="ra")

    async def lost(one: Browser) -> None:
        await house.opened.staff.passkeys.forget(one.name, actor="ra")

    for number, stop in enumerate((suspended, ended, revoked, lost)):
        one = await house.take_on(f"officer-{number}")
        await one.register()
        assert await one.is_in(), stop
        await stop(one)
        assert not await one.is_in(), stop


async def test_the_api_takes_no_certificate_alone_and_goes_on_taking_tokens(house: House, alice: Browser) -> None:
    await alice.register()
    opened = house.opened
    await opened.staff.officers.add("panel-1", Role.INTEGRATOR, realm="main", actor="cli:operator")
    scope = frozenset({Action.READ_REGISTRATIONS})
    _, token = await opened.staff.tokens.add("panel-1", scope, days=1, actor="cli:operator")

    kept, alice.cookie = alice.cookie, ""
    for path in ("/api/v1/me", "/api/v1/registrations", "/api/v1/openapi.json", "/api/"):
        refused = await alice._sent("GET", path, {})
        assert refused.status == 403
        assert b"second-factor-needed" in refused.body
    posted = await alice._sent("POST", "/api/v1/registrations", {"content-type": "application/json"}, b"{}")
    granted = await alice._sent("GET", "/api/v1/me", {"authorization": f"Bearer {token.reveal()}"})
    alice.cookie = kept
    shown = await alice._sent("GET", "/api/v1/me", {})

    assert (posted.status, granted.status, shown.status) == (403, 200, 200)


async def test_where_it_is_optional_only_who_has_a_passkey_is_asked(tmp_path: Path) -> None:
    async with opened(tmp_path, OPTIONAL) as house:
        alice, bob = await house.take_on("alice-1"), await house.take_on("bob-2")
        assert await alice.is_in()
        assert alice.code == ""
        await alice.add(alice.device, "phone")

        thief = Browser(house, "alice-1", alice.certificate, "")

        assert not await thief.is_in()
        assert (await thief._sent("GET", "/api/v1/me", {})).status == 403
        assert await bob.is_in()
        assert (await bob._sent("GET", "/api/v1/me", {})).status == 200
        (passkey,) = await house.opened.staff.passkeys.of("alice-1")
        await alice.get(f"/passkeys/{passkey.name}/remove")
        await alice.post(f"/passkeys/{passkey.name}/remove")
        assert await thief.is_in()


async def test_an_officer_adds_and_removes_passkeys_but_never_the_last_one(house: House, alice: Browser) -> None:
    await alice.register()
    elsewhere = Browser(house, "alice-1", alice.certificate, "")
    elsewhere.device = alice.device
    await elsewhere.show()
    (first,) = await house.opened.staff.passkeys.of("alice-1")
    await alice.get("/passkeys")
    assert "the last one stays" in alice.text
    await alice.get(f"/passkeys/{first.name}/remove")
    assert (await alice.post(f"/passkeys/{first.name}/remove")).status == 409

    key = house.device()
    await alice.add(key, "<b>key</b>")
    assert "The passkey is registered" in alice.text
    assert "&lt;b&gt;key&lt;/b&gt;" in alice.text
    assert not await elsewhere.is_in()
    await elsewhere.show()
    assert await elsewhere.is_in()
    await alice.get(f"/passkeys/{first.name}/remove")
    alice.page = await alice.post(f"/passkeys/{first.name}/remove")

    assert "The passkey opens nothing any more." in alice.text
    assert [one.label for one in await house.opened.staff.passkeys.of("alice-1")] == ["<b>key</b>"]
    assert not await elsewhere.is_in()
    elsewhere.device = key
    await elsewhere.show()
    assert await elsewhere.is_in()


async def test_nobody_removes_somebody_elses(house: House, alice: Browser) -> None:
    bob = await house.take_on("bob-2")
    await alice.register()
    await bob.register()
    (passkey,) = await house.opened.staff.passkeys.of("alice-1")
    await bob.get("/passkeys")

    assert (await bob.post(f"/passkeys/{passkey.name}/remove")).status == 404
    assert await alice.is_in()


async def test_only_pages_of_a_ceremony_run_a_script_and_only_the_one(house: House, alice: Browser) -> None:
    await alice.get("/sign-in/code")
    assert "script-src" not in _policy(alice.page)
    assert "<script" not in alice.text
    alice.page = await alice.post("/sign-in/code", code=alice.code)
    assert "script-src 'self'" in _policy(alice.page)
    found = re.search(r'<script src="(/assets/passkey\.\w+\.js)" integrity="(sha384-[^"]+)" defer>', alice.text)
    assert found is not None
    assert (await alice._sent("GET", found[1], {})).status == 200

    await alice.register()
    for path in ("/", "/passkeys", "/officers"):
        await alice.get(path)
        assert "script-src" not in _policy(alice.page)
        assert "<script" not in alice.text
    alice.page = await alice.post("/passkeys/new", label="key", token=await _token_of(alice))
    assert "script-src 'self'" in _policy(alice.page)


def _policy(reply: Reply) -> str:
    return dict(reply.headers)["Content-Security-Policy"]


async def test_the_journal_says_who_was_given_a_code_and_who_failed(house: House, alice: Browser) -> None:
    await alice.get("/")
    await alice.post("/sign-in/code", code="wrong")
    await alice.register()

    async with house.opened.database.read() as tx:
        rows = await tx.all("SELECT event, detail FROM journal ORDER BY id")

    events = [row[0] for row in rows]
    for wanted in ("passkey-code-made", "credential-refused", "passkey-added", "signed-in"):
        assert wanted in events
    assert not any(alice.code in str(row[1]) for row in rows)


async def test_the_first_officer_of_up_is_given_a_code_as_well(house: House) -> None:
    said = await take_on_and_explain(house.opened)

    found = re.search(r"until \S+: (\S+)", said)
    assert found is not None
    first = Browser(house, "first", await house.further_certificate("first"), found[1])
    await first.register()
    assert await first.is_in()
