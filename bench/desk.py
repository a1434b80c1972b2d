"""What the desk's lists and searches cost with 10, 10^4 and 10^6 registrations and certificates (`bench-desk`).

Each page is asked for as the desk's pages and its API ask for it, from the service that both are handed, in one process
on one core, on SQLite; every time for somebody else, so that nothing is found because it was found just now. Then the
pages and the API themselves are asked over HTTP by an officer's certificate (`bench/desk_http.py`), and the service
once more on PostgreSQL, into which `soapstone migrate` has moved all of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import desk_filling, desk_http, ours, report
from bench.issuing import measured
from bench.ours import Home
from bench.report import Goal, Row, Run, quantiles
from bench.status import soapstone
from ca_core.policy.status import CertificateStatus
from ca_core.registration.account import Status
from ca_core.staff.lines import CertificateFilter, JournalFilter
from ca_core.staff.looking import Looking
from ca_core.staff.role import Actor, Role, Via
from server.office import Office, office

SIZES = (10, 10_000, 1_000_000)
MOST_MOVED = 10_000
"""To move a million rows of each into PostgreSQL, and to prove them there, takes longer than all the rest."""
_ALICE = Actor("alice", Role.OFFICER, desk_filling.REALM, "-", Via.DESK)
_STRIDE = 7_919
Ask = Callable[[int], Awaitable[object]]
"""Asks for one page, for the registration with a number."""


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pages", type=int, default=200, help="of each kind, in each run")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--moved", type=int, default=MOST_MOVED, help="the largest size that PostgreSQL is asked with")
    parsed = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print(f"SQLite, one process on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    rows: list[Row] = []
    for size in parsed.sizes:
        with tempfile.TemporaryDirectory(prefix="bench-desk-") as folder:
            home = ours.made(Path(folder) / "home", "ec-p256")
            with ours.serving(home, cores[0]) as pid:
                peer = ours.peer(home, pid)
                measured(peer, 1, 0.1)
                peer.close()
            start = time.perf_counter()
            desk_filling.fill(home.folder, size)
            officer = desk_http.taken_on(home, Path(folder))
            print(f"{size:,} of each, filled in {time.perf_counter() - start:.0f} s", flush=True)
            os.sched_setaffinity(0, {cores[-1]})
            report.heads()
            rows += asyncio.run(_measured(home.folder, size, "", parsed.runs, parsed.pages))
            rows += desk_http.measure(home, officer, size, runs=parsed.runs, pages=parsed.pages, core=cores[0])
            if size <= parsed.moved:
                rows += _moved(home, size, parsed.runs, parsed.pages, cores[0])
            os.sched_setaffinity(0, cores)
    report.finish("desk", rows, _goals(rows, f", {max(parsed.sizes):,}"))


def _goals(rows: list[Row], most: str) -> list[Goal]:
    """What is promised of the service and of what is asked over HTTP, each by its slowest, where there is most."""
    full = [row for row in rows if row.label.endswith(most) and not row.label.startswith("chart")]
    # What is promised is of SQLite.
    full = [row for row in full if "PostgreSQL" not in row.label]
    whole = [row for row in full if row.label.startswith(("page:", "API:"))]
    return [
        *_goals_of("list", [row for row in full if row not in whole], p50=5, p99=20, is_gated=True),
        # Until they have been measured on a quiet machine, nothing ends by these.
        *_goals_of("page", whole, p50=25, p99=100, is_gated=False),
    ]


def _goals_of(what: str, lists: list[Row], *, p50: float, p99: float, is_gated: bool) -> list[Goal]:
    slow, slow_p99 = max(lists, key=lambda row: row.p50.median), max(lists, key=lambda row: row.p99.median)
    seen = [("p50", slow, slow.p50.median, p50), ("p99", slow_p99, slow_p99.p99.median, p99)]
    return [
        Goal(
            f"{name} of the slowest {what} ({row.label})",
            median,
            2 * goal if is_gated else None,
            goal,
            "ms",
            is_ceiling=True,
        )
        for name, row, median, goal in seen
    ]


def _moved(home: Home, size: int, runs: int, pages: int, core: int) -> list[Row]:
    """The service once more, on a PostgreSQL that has a core of its own."""
    with ours.cluster(core) as cluster:
        start = time.perf_counter()
        soapstone(home.folder, "migrate", "--to", cluster.url(cluster.make()))
        print(f"moved to PostgreSQL in {time.perf_counter() - start:.0f} s", flush=True)
        return asyncio.run(_measured(home.folder, size, "PostgreSQL, ", runs, pages))


async def _measured(home: Path, size: int, where: str, runs: int, pages: int) -> list[Row]:
    async with office(home) as opened:
        found = []
        for label, ask in asked(opened).items():
            await ask(0)
            done = [await _run(ask, range(at * pages, (at + 1) * pages), size) for at in range(runs)]
            found.append(report.row(f"{label}, {where}{size:,}", done, unit="pages/s"))
        return found


async def _run(ask: Ask, turns: range, size: int) -> Run:
    milliseconds, pages = [], len(turns)
    start, used = time.perf_counter(), time.process_time()
    for turn in turns:
        before = time.perf_counter()
        await ask(turn * _STRIDE % size)
        milliseconds.append((time.perf_counter() - before) * 1_000)
    took, used = time.perf_counter() - start, time.process_time() - used
    return Run(pages / took, *quantiles(milliseconds), used * 1_000 / pages)


def asked(opened: Office) -> dict[str, Ask]:
    """The pages, by what they show."""
    looking: Looking = opened.staff.looking
    account, name = desk_filling.account, desk_filling.name

    def certificates(**wanted: str | CertificateStatus) -> Awaitable[object]:
        return looking.certificates(_ALICE, CertificateFilter(**wanted))  # type: ignore[arg-type]  # as its fields are called

    return {
        "registrations": lambda _: looking.registrations(_ALICE),
        "registrations, suspended": lambda _: looking.registrations(_ALICE, status=Status.SUSPENDED),
        "registrations, of a kind": lambda _: looking.registrations(_ALICE, kind=desk_filling.KIND),
        "registrations, by an account's word": lambda n: looking.registrations(_ALICE, text=account(n)),
        "registrations, by a word of all": lambda _: looking.registrations(_ALICE, text="bench.example"),
        "registrations, by two words": lambda n: looking.registrations(_ALICE, text=f"bench {name(n)}"),
        "certificates": lambda _: certificates(),
        "certificates, about to expire": lambda _: certificates(status=CertificateStatus.ABOUT_TO_EXPIRE),
        "certificates, revoked": lambda _: certificates(status=CertificateStatus.REVOKED),
        "certificates, by serial": lambda n: certificates(serial=f"{n % 4 + 4:x}{n % 65_536:04x}"),
        "certificates, by name": lambda n: certificates(name=name(n)),
        "certificates, by account": lambda n: certificates(account=account(n)),
        "certificates, by words": lambda n: certificates(text=name(n)),
        "journal": lambda _: looking.journal(_ALICE),
        "journal, of an event": lambda _: looking.journal(_ALICE, JournalFilter(event="status-changed")),
        "history of a registration": lambda n: looking.history(_ALICE, account(n)),
        "overview": lambda _: looking.overview(_ALICE),
        "chart of what expires": lambda _: looking.expiring(_ALICE),
    }


if __name__ == "__main__":
    main()
