"""What whoever balances requests is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocols.wire import Peer, Reply, Request
from server.health import Health, HealthDialogue
from server.leaving import Leaving
from tests.builders.core import Core, core
from tests.builders.listening import Echo


class Asked:
    def __init__(self, opened: Core) -> None:
        self.core = opened
        self.leaving, self.can_sign = Leaving(), True
        health = Health(opened.database, opened.clock, opened.gate, self.leaving, can_sign=lambda: self.can_sign)
        self._dialogue = HealthDialogue(health, Echo())

    async def answer(self, path: str, method: str = "GET") -> Reply:
        return await self._dialogue.answer(Request(method, path, {}, b"", Peer("192.0.2.1")))

    async def ready(self) -> tuple[int, bytes]:
        reply = await self.answer("/health/ready")
        assert ("Cache-Control", "no-store") in reply.headers
        return reply.status, reply.body


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    async with core(tmp_path) as opened:
        yield Asked(opened)


async def test_a_server_that_can_issue_is_ready(asked: Asked) -> None:
    assert await asked.ready() == (200, b"ready\n")
    assert (await asked.answer("/health/live", "HEAD")).status == 200


async def test_who_is_stopping_is_alive_and_not_ready(asked: Asked) -> None:
    asked.leaving.has_begun = True

    assert await asked.ready() == (503, b"stopping\n")
    assert (await asked.answer("/health/live")).body == b"live\n"


async def test_who_cannot_keep_the_journal_is_not_ready(asked: Asked) -> None:
    asked.core.gate.begin(asked.core.clock.now())
    asked.core.gate.failed("the disk is full")
    asked.core.clock.move(61)

    assert await asked.ready() == (503, b"journal\n")


async def test_who_has_no_key_is_not_ready(asked: Asked) -> None:
    asked.can_sign = False

    assert await asked.ready() == (503, b"key\n")


@pytest.mark.parametrize("path", ["/", "/health", "/health/", "/health/other", "/crl/issuing.crl"])
async def test_everything_else_is_the_repositorys(asked: Asked, path: str) -> None:
    assert (await asked.answer(path)).body == b"0 octets\n"
    assert (await asked.answer("/health/ready", "POST")).body == b"0 octets\n"
