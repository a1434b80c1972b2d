"""Moving a home's store into another database, and proving that the home goes on there."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import tomli_w

from ca_core.audit import journal
from ca_core.audit.event import Event
from ca_core.audit.verification import verify
from ca_core.errors import Misconfigured, SoapstoneError
from ca_core.files import replace
from ca_core.store.database import Database, Table, Transaction
from ca_core.store.migrate import migrate
from ca_core.store.moving import Content, contents, move, tables_to_move
from ca_core.store.opening import open_database
from server.assembly import strongroom
from server.fellows import require_alone
from server.home import sole_server
from server.journaling import open_checkpoint_file, open_key, open_sequencer
from server.office import Office, migrations, office
from server.settings import FILE_NAME

Tell = Callable[[str], None]

_TABLE = "[store]"
_OF_A_USED_STORE = ("certificates", "registrations", "journal")
_OLDEST = "SELECT id FROM journal ORDER BY id LIMIT 1"
_NEWEST = "SELECT event FROM journal ORDER BY id DESC LIMIT 1"


class StoreMoved(Event, frozen=True, tag="store-moved"):
    """Every row was carried into another database.

    Attributes:
        rows: how many, before this one.
    """

    source: str
    target: str
    rows: int


async def move_store(home: Path, url: str, *, actor: str, tell: Tell) -> None:
    """Move everything, prove it, and have the settings name the new place; the old database stays as it was.

    Raises:
        Misconfigured: the store is being served, the new place holds a store already, or something does not agree;
            then the settings are as they were. Or the home has gone on in the new place, and met something there.
    """
    with sole_server(home):
        async with office(home) as opened:
            if opened.settings.store.url == url:
                raise Misconfigured(f"the store is at {url} already")
            await require_alone(opened)
            # Before anything is written, it has to be known that the settings can be changed.
            before = (home / FILE_NAME).read_text("utf-8")
            after = with_store(before, url)
            target = await _opened_empty(opened, url)
            try:
                await _fill(opened, target, url, actor=actor, tell=tell)
            finally:
                await target.close()
        with ExitStack() as undo:
            undo.callback(replace, home / FILE_NAME, before.encode(), mode=0o600)
            replace(home / FILE_NAME, after.encode(), mode=0o600)
            await _go_on(home, url, undo, tell)


def with_store(text: str, url: str) -> str:
    """A settings file's text with another `store.url`; everything else, comments included, stays.

    Raises:
        Misconfigured: it is written in a way that only its author can change.
    """
    line = tomli_w.dumps({"url": url})
    lines = text.splitlines(keepends=True)
    header = next((number for number, one in enumerate(lines) if one.strip() == _TABLE), None)
    if header is None:
        changed = f"{text.rstrip()}\n\n{_TABLE}\n{line}"
    else:
        end = next((number for number in range(header + 1, len(lines)) if lines[number].startswith("[")), len(lines))
        kept = [one for one in lines[header + 1 : end] if one.partition("=")[0].strip() != "url"]
        changed = "".join([*lines[: header + 1], line, *kept, *lines[end:]])
    wanted = tomllib.loads(text)
    wanted.setdefault("store", {})["url"] = url
    if _parsed(changed) != wanted:
        # Without the URL: it is not known yet that it holds no password.
        raise Misconfigured(f"{FILE_NAME} cannot be changed by a program: give {_TABLE} a line of its own, and url one")
    return changed


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


async def _opened_empty(opened: Office, url: str) -> Database:
    """The new place: nothing is in it, or only what a move that did not come to its end has made."""
    try:
        target = await open_database(url, opened.home, create=True)
    except Misconfigured:
        target = await open_database(url, opened.home)
    async with AsyncExitStack() as undo:
        undo.push_async_callback(target.close)
        there = {table.name for table in await target.tables()}
        async with target.read() as tx, opened.database.read() as ours:
            if await _is_used(tx, there) and not await _is_left_by_a_move(tx, ours, there):
                raise Misconfigured(f"{url} holds a store that is in use; give this home a database of its own")
        await migrate(target, migrations(), now=opened.clock.now())
        undo.pop_all()
    return target


async def _is_used(tx: Transaction, there: set[str]) -> bool:
    names = [name for name in _OF_A_USED_STORE if name in there]
    return any([await tx.one(f"SELECT 1 FROM {name} LIMIT 1") for name in names])  # noqa: S608  # our own names


async def _is_left_by_a_move(tx: Transaction, ours: Transaction, there: set[str]) -> bool:
    """Whether a copy of our own store was committed, and no home has gone on from it: that would be in its journal."""
    if "journal" not in there or await tx.one(_OLDEST) != await ours.one(_OLDEST):
        return False
    return await _ends_with_the_move(tx)


async def _fill(opened: Office, target: Database, url: str, *, actor: str, tell: Tell) -> None:
    tables = await tables_to_move(opened.database, target)

    def told(content: Content) -> None:
        tell(f"{content.table}: {content.rows} rows")

    # Whoever else would write to the old store, a command for example, waits until nothing of it is needed.
    async with opened.database.still() as source, target.write() as tx:
        moved = await move(source, tx, tables, tell=told)
        await _require_same(tx, moved, tables)
        rows = sum(content.rows for content in moved)
        event = StoreMoved(opened.settings.store.url, url, rows)
        await journal.record(tx, event, now=opened.clock.now(), actor=actor)
    tell(f"moved: {rows} rows in {len(moved)} tables, read back and found the same")
    await _prove_journal(opened, target, tell)


async def _require_same(tx: Transaction, moved: list[Content], tables: list[Table]) -> None:
    for was, found in zip(moved, await contents(tx, tables), strict=True):
        if was != found:
            raise Misconfigured(
                f"the table {was.table} was not the same when it was read back ({found.rows} of {was.rows} rows);"
                " nothing was changed; check the disks, and try again"
            )


async def _prove_journal(opened: Office, target: Database, tell: Tell) -> None:
    key, outside = await open_key(opened), (await open_checkpoint_file(opened)).read()
    proven = await verify(target, key.public, [outside] if outside else [])
    tell(f"journal: {proven.rows} rows proved")


async def _go_on(home: Path, url: str, undo: ExitStack, tell: Tell) -> None:
    """Issue a certificate from the new place, as a server does that goes on there.

    Args:
        undo: puts the settings back. Once anything happened in the new place that the old one does not know, nobody
            does: what is signed stays signed, and a further move would write over it.
    """
    async with office(home) as opened:
        room = await strongroom(opened)
        sequencer = await open_sequencer(opened, room.gate)
        if found := await sequencer.advance():
            raise Misconfigured(found)
        room.gate.succeeded()
        put_back = undo.pop_all()
        try:
            serial = await room.own_certificate.renew()
            await sequencer.advance()
        except SoapstoneError as error:
            async with opened.database.read() as tx:
                has_begun = not await _ends_with_the_move(tx)
            if has_begun:
                raise Misconfigured(
                    f"the home has moved, and goes on from {url}; but there, {error};"
                    " mend that, and ask: soapstone doctor"
                ) from error
            put_back.close()
            raise
    tell(f"renewed: this server's TLS certificate, now {serial}")


async def _ends_with_the_move(tx: Transaction) -> bool:
    return await tx.one(_NEWEST) == (StoreMoved.__struct_config__.tag,)
