from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from ca_core.turn_taking import turn_with


async def test_two_never_have_their_turn_at_once(tmp_path: Path) -> None:
    inside: list[int] = []
    most = 0

    async def take(number: int) -> None:
        nonlocal most
        async with turn_with(tmp_path / "folder" / "key.pem"):
            inside.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0.01)
            inside.remove(number)

    await asyncio.gather(*map(take, range(5)))

    assert most == 1


async def test_who_fails_has_had_its_turn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"):
        async with turn_with(tmp_path / "key.pem"):
            raise ValueError("no")

    async with turn_with(tmp_path / "key.pem"), turn_with(tmp_path / "other.pem"):
        pass


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Misconfigured, match=r"key\.pem cannot be written"):
        async with turn_with(tmp_path / "file" / "key.pem"):
            pass
