from __future__ import annotations

import asyncio
import logging

import pytest

from ca_core.errors import KeyUnavailable
from server.workers import Worker


async def test_a_turn_that_has_to_wait_says_so_in_one_line_and_is_taken_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    turns: list[int] = []
    done = asyncio.Event()

    async def turn() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise KeyUnavailable("the CA's key cannot be used at the moment", retry_after_seconds=1)
        done.set()

    worker = Worker("publisher", turn, every_seconds=0)
    running = asyncio.create_task(worker.run())
    await done.wait()
    running.cancel()

    (record,) = caplog.records
    assert record.exc_info is None
    assert "event=worker-waits worker=publisher" in record.getMessage()
