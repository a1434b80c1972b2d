"""What every group of commands does alike."""

from __future__ import annotations

import asyncio
import getpass
import shlex
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from ca_core.staff.role import Actor, console
from server.cli.main import DEFAULT_HOME
from server.office import Office, office

T = TypeVar("T")

_DAY_SECONDS = 86_400

json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON value.")


class Moment(click.ParamType[int]):
    """A date (`2026-11-25`) or a time (`2026-11-25T12:00:00Z`), UTC where it names no zone.

    Args:
        is_until: a bare date means the last second of its day, not the first.
    """

    name = "DATE"

    def __init__(self, *, is_until: bool = False) -> None:
        self._is_until = is_until

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it as UTC seconds."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(value)
            # In UTC it may be before the year 1 or after 9999, which nothing can show.
            seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).timestamp())
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no date such as 2026-11-25 or 2026-11-25T12:00:00Z", param, ctx)
        return seconds + _DAY_SECONDS - 1 if self._is_until and _is_bare(value) else seconds


def _is_bare(text: str) -> bool:
    """Whether it is a date without a time."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def operator() -> Actor:
    """Who types; where votes are counted, the officer of that name."""
    return console(getpass.getuser())


def operator_actor() -> str:
    """Who types, as the journal writes it."""
    return operator().journal_name


def called(home: Path) -> str:
    """How whoever reads this calls a command for a home, in the folder in which they called this one."""
    program = sys.argv[0] if Path(sys.argv[0]).name == "soapstone" else "soapstone"
    return program if home == DEFAULT_HOME else shlex.join([program, "--home", str(home)])


def in_office(home: Path, do: Callable[[Office], Awaitable[T]]) -> T:
    """Open the home, do one thing, close it."""

    async def run() -> T:
        async with office(home) as opened:
            return await do(opened)

    return asyncio.run(run())


def echo_json(value: object) -> None:
    """Print one JSON value."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
