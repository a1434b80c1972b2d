"""The benchmarks measure a server as it is: what they write past it is what it would have written."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from bench import filling, ours
from bench.issuing import measured
from bench.ours import Home
from bench.wire import drive
from conformance.house import SOAPSTONE

ISSUED, FILLED = 20, 300
CORE = min(os.sched_getaffinity(0))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return ours.made(tmp_path / "home", "ec-p256")


def test_a_store_that_was_filled_is_proved_and_goes_on_issuing(home: Home) -> None:
    with ours.serving(home, CORE) as pid, closing(ours.peer(home, pid)) as peer:
        measured(peer, 1, 5, most=0)
    filling.fill(home.folder, FILLED)

    verified = subprocess.run([SOAPSTONE, "--home", home.folder, "journal", "verify"], check=False)
    with ours.serving(home, CORE) as pid, closing(peer):
        drive(account.resume() for account, _ in peer.supply)
        run = measured(peer._replace(pids=(pid,)), 2, 5, most=4)

    assert verified.returncode == 0
    assert run.posts == 4


def test_what_is_filled_in_is_in_the_tables_that_issuances_leave_something_in(home: Home) -> None:
    with ours.serving(home, CORE) as pid, closing(ours.peer(home, pid)) as peer:
        empty = rows(home)
        measured(peer, 1, 30, most=ISSUED - 1)
    issued = rows(home)

    filling.fill(home.folder, FILLED)

    filled = rows(home)
    assert grown(issued, filled, FILLED) == grown(empty, issued, ISSUED)


def grown(before: dict[str, int], after: dict[str, int], by: int) -> set[str]:
    return {table for table, count in after.items() if count - before[table] >= by}


def rows(home: Home) -> dict[str, int]:
    database = sqlite3.connect(home.folder / "soapstone.db")
    try:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608
    finally:
        database.close()
