"""`/agreement/VERSION`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.registration.agreement import HTML, PLAIN_TEXT, agreement
from protocols.wire import Peer, Reply, Request
from server.agreement import publish
from server.web.agreement import AgreementPages
from tests.builders.core import core

OLD = agreement("2026-1", b"terms", PLAIN_TEXT, "agreement.txt")
CURRENT = agreement("2026-2", "<p>條款</p>".encode(), HTML, "agreement.html")


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[AgreementPages]:
    async with core(tmp_path) as strongroom:
        for version in (OLD, CURRENT):
            await publish(version, strongroom.database, strongroom.clock)
        yield AgreementPages(strongroom.database, CURRENT)


async def ask(pages: AgreementPages, path: str, method: str = "GET", **headers: str) -> tuple[Reply, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await pages.answer(Request(method, path, named, b"", Peer("192.0.2.7")))
    return reply, dict(reply.headers)


async def test_the_text_of_today_is_shown_and_may_be_kept(pages: AgreementPages) -> None:
    reply, headers = await ask(pages, "/agreement/2026-2")

    assert (reply.status, reply.body) == (200, CURRENT.text)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "public, max-age=86400, immutable"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_an_earlier_text_stays_where_it_was(pages: AgreementPages) -> None:
    reply, headers = await ask(pages, "/agreement/2026-1", "HEAD")

    assert (reply.status, reply.body) == (200, OLD.text)
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("tag", [f'"{CURRENT.sha256}"', f'W/"{CURRENT.sha256}", "x"', "*"])
async def test_who_has_it_is_not_sent_it_again(pages: AgreementPages, tag: str) -> None:
    reply, headers = await ask(pages, "/agreement/2026-2", if_none_match=tag)

    assert (reply.status, reply.body) == (304, b"")
    assert headers["ETag"] == f'"{CURRENT.sha256}"'


@pytest.mark.parametrize("version", ["", "2026-3", "../soapstone.toml", "2026-1/"])
async def test_no_other_version_is_there(pages: AgreementPages, version: str) -> None:
    assert (await ask(pages, f"/agreement/{version}"))[0].status == 404


async def test_it_can_only_be_read(pages: AgreementPages) -> None:
    reply, headers = await ask(pages, "/agreement/2026-2", "POST")

    assert (reply.status, headers["Allow"]) == (405, "GET, HEAD")
