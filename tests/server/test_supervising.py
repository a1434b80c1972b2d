from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from server.supervising import NOT_STARTED, Member


async def test_a_process_that_is_only_just_being_started_hears_that_it_is_to_end(tmp_path: Path) -> None:
    member = Member(tmp_path, 1, 2)
    running = asyncio.create_task(member.run())
    await asyncio.sleep(0)

    member.stop()

    assert await running == -signal.SIGTERM


async def test_a_process_that_cannot_be_started_is_like_one_that_has_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "replaced"))

    assert await Member(tmp_path, 1, 2).run() == NOT_STARTED

    assert "event=worker-not-started worker=1" in caplog.text
