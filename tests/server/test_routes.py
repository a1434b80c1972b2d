"""The public listener: what is at which path, and that everything that is linked is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.errors import BadRequest
from protocols.acme.links import Help
from protocols.wire import Peer, Reply, Request
from server.routes import PublicDialogue
from tests.builders.acme import LINKS
from tests.builders.portal_house import portal_house


@pytest.fixture
async def public(tmp_path: Path) -> AsyncIterator[PublicDialogue]:
    async with portal_house(tmp_path) as house:
        yield house.public


async def ask(public: PublicDialogue, path: str, method: str = "GET") -> Reply:
    return await public.answer(Request(method, path, {}, b"", Peer("192.0.2.7")))


@pytest.mark.parametrize("topic", Help)
async def test_every_page_that_is_linked_is_there(public: PublicDialogue, topic: Help) -> None:
    path = LINKS.help(topic).removeprefix(LINKS.base)

    reply = await ask(public, path)

    assert reply.status == 200
    assert b"<h1>" in reply.body


async def test_the_first_page_says_where_everything_is(public: PublicDialogue) -> None:
    reply = await ask(public, "/")

    assert b'<a href="https://localhost:8443/acme/directory">https://localhost:8443/acme/directory</a>' in reply.body
    assert b"https://localhost:8444/.well-known/est" in reply.body
    assert b"http://localhost:8446" in reply.body
    assert (await ask(public, "/", "POST")).status == 405


async def test_what_is_nowhere_is_not_found_and_says_where_to_begin(public: PublicDialogue) -> None:
    assert (await ask(public, "/elsewhere")).status == 404
    assert (await ask(public, "/help/elsewhere")).status == 404
    assert (await ask(public, "/acme/elsewhere")).status == 404


async def test_what_cannot_be_read_and_our_bugs_are_answered_in_acmes_form_below_acme(public: PublicDialogue) -> None:
    (acme,) = (dialogue for path, dialogue in public.apart.items() if path == "/acme/")

    assert ("Content-Type", "application/problem+json") in acme.refuse(BadRequest("no")).headers
    assert acme.bug_reply("4f1c").status == 500


async def test_what_cannot_be_read_and_our_bugs_are_pages_elsewhere(public: PublicDialogue) -> None:
    refused, failed = public.refuse(BadRequest("no")), public.bug_reply("4f1c")

    assert (refused.status, failed.status) == (400, 500)
    for reply in (refused, failed):
        assert ("Content-Type", "text/html; charset=utf-8") in reply.headers
        assert b'<section lang="zh-Hant">' in reply.body
    assert b"4f1c" in failed.body
