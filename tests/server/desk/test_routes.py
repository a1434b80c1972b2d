"""Every page asks for the role that it needs, and every form for its token, before anything else is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ca_core.errors import BadRequest
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.sign_in import SignIn
from ca_core.staff.role import MAY, Actor, Role, Via
from protocols.wire import Peer, Reply, Request
from server.cli.making import first_settings, make_home
from server.desk.dialogue import DeskDialogue
from server.desk.entrance import Entrance
from server.desk.form import FormTokens
from server.desk.route import Route
from server.desk.routes import ROUTES, desk_dialogue
from server.office import Office, office
from server.verifying import Verifier
from server.web.asset_files import AssetFiles
from server.web.forms import TOKEN, Posted
from tests.builders.clock import SettableClock

NAMES = {"{account}": "nobody", "{kid}": "NOKEY", "{number}": "1", "{kind}": "device", "{name}": "nobody"}
DAY_SECONDS = 86_400
PEER = Peer("192.0.2.1", certificate=b"an officer's")
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    home = tmp_path_factory.mktemp("desk") / "home"
    await make_home(home, first_settings("localhost", 8443, development=True), "ec-p256", ())
    async with office(home) as made:
        yield made


def acting(role: Role) -> Actor:
    return Actor(role.value, role, "main", f"id-of-{role}", Via.DESK)


def address_of(route: Route) -> str:
    path = route.pattern
    for name, value in NAMES.items():
        path = path.replace(name, value)
    return path


def pages(opened: Office) -> DeskDialogue:
    return desk_dialogue(
        opened,
        AssetFiles(),
        lambda _: (),
        Verifier(opened),
        Entrance(opened, SignIn(opened.database, opened.clock, opened.keeper)),
    )


async def answered(opened: Office, actor: Actor, method: str, path: str, body: bytes = b"") -> Reply:
    dialogue = pages(opened)
    return await dialogue.answer(Request(method, path, FORM if body else {}, body, PEER), actor)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.pattern}")
@pytest.mark.asyncio(loop_scope="module")
async def test_nobody_comes_in_whose_role_does_not_permit_it(opened: Office, route: Route) -> None:
    for role in Role:
        actor = acting(role)
        request = Request(route.method, address_of(route), FORM, b"", PEER)
        body = f"{TOKEN}={FormTokens(opened.keeper, opened.clock).make(actor, request)}".encode()
        reply = await answered(opened, actor, route.method, request.path, body if route.method == "POST" else b"")

        is_permitted = route.action is None or route.action in MAY[role]
        said = b"Your role does not permit this." in reply.body
        assert (reply.status == 403 and said) is not is_permitted, role
        assert reply.status != 500


@pytest.mark.parametrize("route", [one for one in ROUTES if one.method == "POST"], ids=lambda route: route.pattern)
@pytest.mark.asyncio(loop_scope="module")
async def test_no_form_does_anything_without_its_token(opened: Office, route: Route) -> None:
    actor = next(acting(role) for role in Role if route.action is None or route.action in MAY[role])

    for body in (b"x=1", f"{TOKEN}={'0' * 64}".encode()):
        reply = await answered(opened, actor, "POST", address_of(route), body)
        assert reply.status == 400


def test_only_the_first_page_is_for_whoever_works_here() -> None:
    assert [route.pattern for route in ROUTES if route.action is None] == ["/"]


def test_a_form_is_good_for_its_officer_and_certificate_until_the_end_of_the_day_after() -> None:
    clock = SettableClock(20_000 * DAY_SECONDS)
    tokens, actor, request = FormTokens(SecretKeeper(bytes(32)), clock), acting(Role.OFFICER), posting(PEER)
    form = Posted({TOKEN: (tokens.make(actor, request),)})
    strangers = [(acting(Role.SUPERVISOR), request), (actor, posting(Peer("192.0.2.1", certificate=b"another")))]

    clock.move(2 * DAY_SECONDS - 1)
    tokens.require(actor, request, form)

    for who, how in strangers:
        with pytest.raises(BadRequest):
            tokens.require(who, how, form)
    clock.move(1)
    with pytest.raises(BadRequest):
        tokens.require(actor, request, form)


def posting(peer: Peer) -> Request:
    return Request("POST", "/", FORM, b"", peer)


async def asked(opened: Office, role: Role, method: str, path: str, query: str) -> Reply:
    request = Request(method, path, FORM, b"", PEER, query)
    return await pages(opened).answer(request, acting(role))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_language_is_chosen_whatever_else_the_address_says(opened: Office) -> None:
    reply = await asked(opened, Role.OFFICER, "GET", "/registrations", "path=a&text=b&lang=en&headers=c")

    assert reply.status == 303
    assert dict(reply.headers)["Location"] == "/registrations?path=a&text=b&headers=c"


@pytest.mark.asyncio(loop_scope="module")
async def test_whoever_may_not_see_a_page_still_chooses_a_language(opened: Office) -> None:
    reply = await asked(opened, Role.AUDITOR, "GET", "/register", "lang=en")

    assert reply.status == 303


@pytest.mark.parametrize(
    ("method", "path", "leads"),
    [("POST", "/sheets/1/collect", "/"), ("GET", "/nothing", "/"), ("POST", "/register/device", "/register/device")],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_that_refuses_leads_to_a_language_and_nowhere_else(
    opened: Office, method: str, path: str, leads: str
) -> None:
    refused = await asked(opened, Role.OFFICER, method, path, "")

    chosen = await asked(opened, Role.OFFICER, "GET", leads, "lang=zh-Hant")
    assert refused.status >= 400
    assert f'href="{leads}?lang=zh-Hant"'.encode() in refused.body
    assert chosen.status == 303


@pytest.mark.asyncio(loop_scope="module")
async def test_a_bug_is_told_in_both_languages_with_its_number_and_what_to_do(opened: Office) -> None:
    reply = pages(opened).bug_reply("4f1c")

    said = reply.body.decode()
    assert reply.status == 500
    assert said.count("<code>4f1c</code>") == 2
    assert "before you try again" in said
    assert "確認是否已完成" in said
