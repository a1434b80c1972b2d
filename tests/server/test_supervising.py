from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from server.supervising import Member


async def test_a_process_that_is_only_just_being_started_hears_that_it_is_to_end(tmp_path: Path) -> None:
    member = Member(tmp_path, 1, 2)
    running = asyncio.create_task(member.run())
    await asyncio.sleep(0)

    member.stop()

    assert await running == -signal.SIGTERM
