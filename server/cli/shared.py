"""What every group of commands does alike."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from server.assembly import Office, office

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON value.")


def operator_actor() -> str:
    """Who types, as the journal writes it."""
    return f"cli:operator:{getpass.getuser()}"


def in_office(home: Path, do: Callable[[Office], Awaitable[T]]) -> T:
    """Open the home, do one thing, close it."""

    async def run() -> T:
        async with office(home) as opened:
            return await do(opened)

    return asyncio.run(run())


def echo_json(value: object) -> None:
    """Print one JSON value."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
