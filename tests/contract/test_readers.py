"""Whose mail a notice is, and who wants none that is not legally due (RFC 8058)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ca_core import names
from ca_core.errors import NotFound
from ca_core.issuance.linter import Linter
from ca_core.notices.notice import Notice, Told, Topic
from ca_core.notices.outbox import NotEver, NothingToTell
from ca_core.notices.readers import Readers
from ca_core.policy.profile import RevocationRule
from ca_core.registration.contact import Contact
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.desk import Form
from ca_core.revocation.reason import Reason
from ca_core.store.certificates import Certificate
from conformance.stores import KINDS
from protocols.wire import Peer, Reply, Request
from server.web.notices import NoticePages
from tests.builders import revocation
from tests.builders.core import Core, core, granted

PROFILES = revocation.profiles(RevocationRule.IMMEDIATE)


@pytest.fixture(params=KINDS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path, PROFILES, store=request.param, linter=Linter()) as opened:
        yield opened


def readers(house: Core) -> Readers:
    return Readers(house.database, house.clock, SecretKeeper(bytes(32)), window_seconds=30 * 86_400)


async def registered(house: Core) -> str:
    grants = granted(names.dns("acc.example"))
    form = Form("device", "CN=acc", None, "acc", grants, contact=Contact(email="Ops@Acc.example"))
    return (await house.desk.register(form, actor="test"))[0].id


def about(id_: str, topic: Topic, *certificates: Certificate, ends_at: int | None = None) -> Notice:
    told = tuple(Told(one.serial, one.profile, (), one.not_after, 0) for one in certificates)
    return Notice(topic=topic, key="k", registration_id=id_, at=0, certificates=told, ends_at=ends_at)


async def test_a_reader_has_the_address_and_what_is_left_to_tell(house: Core) -> None:
    id_ = await registered(house)
    kept, gone = await revocation.enroll(house, "acc"), None
    house.clock.move(61 * 86_400)

    reader = await readers(house).of(about(id_, Topic.ABOUT_TO_EXPIRE, kept))

    assert (reader.email, reader.registration.account) == ("Ops@acc.example", "acc")
    gone = await revocation.enroll(house, "acc")
    with pytest.raises(NothingToTell, match="replaced"):
        await readers(house).of(about(id_, Topic.ABOUT_TO_EXPIRE, kept))
    await house.revocations.revoke(gone.serial, Reason.SUPERSEDED, actor="test")
    assert [
        one.serial
        for one in (await readers(house).of(about(id_, Topic.ABOUT_TO_EXPIRE, kept, gone))).notice.certificates
    ] == [kept.serial]


async def test_who_declines_gets_what_is_legally_due_and_nothing_else(house: Core) -> None:
    id_ = await registered(house)
    registration = await house.desk.show("acc")
    reminder = about(id_, Topic.REGISTRATION_ENDS, ends_at=registration.expires_at)
    token = (await readers(house).of(reminder)).token
    assert token is not None

    await readers(house).decline(token, source="192.0.2.1")
    await readers(house).decline(token, source="192.0.2.1")

    with pytest.raises(NothingToTell, match="declined"):
        await readers(house).of(reminder)
    assert (await readers(house).of(about(id_, Topic.SUSPENDED))).token is None
    assert len(await house.journal("notices-declined")) == 1
    await readers(house).want(token, source="192.0.2.1")
    assert (await readers(house).of(reminder)).token == token
    assert len(await house.journal("notices-wanted")) == 1


async def test_a_registration_that_was_renewed_meanwhile_does_not_end(house: Core) -> None:
    id_ = await registered(house)

    with pytest.raises(NothingToTell, match="renewed"):
        await readers(house).of(about(id_, Topic.REGISTRATION_ENDS, ends_at=1))


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b.example\r\nBcc: c@d.example", "a b@c.example", "a@b.example, c@d.example"]
)
async def test_an_address_that_is_none_gets_nothing(house: Core, email: str) -> None:
    """The form refuses it; what was written down otherwise is looked at all the same."""
    id_ = await registered(house)
    contact = msgspec.json.encode(Contact(email=email)).decode()
    async with house.database.write() as tx:
        await tx.execute("UPDATE registrations SET contact = :contact WHERE id = :id", contact=contact, id=id_)

    with pytest.raises(NotEver, match="e-mail"):
        await readers(house).of(about(id_, Topic.SUSPENDED))


@pytest.mark.parametrize(
    "token",
    ["", "x", "x.y", "{id}", "{id}.", "{id}.00", "{id}.é", "{id}\0.00", f"{'0' * 32}.{'0' * 32}", f"{{id}}.{'0' * 32}"],
)
async def test_a_link_that_is_not_ours_opens_nothing(house: Core, token: str) -> None:
    id_ = await registered(house)

    with pytest.raises(NotFound):
        await readers(house).decline(token.format(id=id_), source="192.0.2.1")


async def test_the_page_changes_nothing_for_who_looks_and_stops_at_a_post(house: Core) -> None:
    id_ = await registered(house)
    registration = await house.desk.show("acc")
    token = (await readers(house).of(about(id_, Topic.REGISTRATION_ENDS, ends_at=registration.expires_at))).token
    page = NoticePages(readers(house))

    async def ask(method: str, body: bytes = b"", query: str = f"token={token}") -> Reply:
        return await page.answer(Request(method, "/notices", {}, body, Peer("192.0.2.7"), query))

    looked, posted = await ask("GET"), await ask("POST", b"List-Unsubscribe=One-Click")

    assert b'value="stop"' in looked.body
    assert b'value="again"' in posted.body
    assert (await ask("GET")).body == posted.body
    assert (await ask("POST", b"choice=again")).body == looked.body
    assert [(await ask("PUT")).status, (await ask("POST", query="token=x")).status] == [405, 404]
