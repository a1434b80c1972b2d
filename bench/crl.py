"""A CRL of a million entries: how long it takes, how much memory, and whom it makes wait (`make bench-crl`).

Two halves. In the first the publisher works alone in a process of its own, which shows what it costs; in the second
the installed server publishes and serves the same list, which shows what its users feel.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from bench import report
from bench.report import Goal
from ca_core.identity import new_serial, serial_text
from ca_core.revocation import crl
from ca_core.revocation.reason import Reason
from ca_core.store import publications
from ca_core.store.database import Database, Value
from server.assembly import strongroom
from server.office import office

SOAPSTONE = Path(sys.executable).with_name("soapstone")
PORT = 18_443
MOST_SECONDS = 2.0
MOST_MEGABYTES = 300
_BATCH = 20_000
_CLIENTS = 4


def main() -> None:
    """Measure, print, and end with 1 when a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--publish", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.publish is not None:
        asyncio.run(publish(wanted.publish))
        return
    with tempfile.TemporaryDirectory(prefix="bench-crl-") as folder:
        home = Path(folder) / "home"
        soapstone(home, "init", "--port", str(PORT), "--development")
        asyncio.run(fill(home, wanted.entries))
        print(f"entries                          {wanted.entries:>12,}")
        alone = subprocess.run([sys.executable, "-m", "bench.crl", "--publish", home], check=False)
        peak = serve(home)
    goal = Goal(
        "peak memory of a server that publishes it", peak, MOST_MEGABYTES, MOST_MEGABYTES, "MB", is_ceiling=True
    )
    report.keep("crl-served", [], [goal], command="crl")
    sys.exit(alone.returncode or int(peak > MOST_MEGABYTES))


def soapstone(home: Path, *arguments: str) -> None:
    """Run the installed command."""
    subprocess.run([SOAPSTONE, "--home", home, *arguments], check=True, stdout=subprocess.DEVNULL)


async def fill(home: Path, entries: int) -> None:
    """Revoke serials that nobody was ever given; what a CRL says of them is real."""
    async with office(home) as opened:
        now = opened.clock.now()
        for start in range(0, entries, _BATCH):
            async with opened.database.write() as tx:
                await tx.execute_each(
                    "INSERT INTO revocations (serial, issuer, shard, not_after, revoked_at, reason, entry)"
                    " VALUES (:serial, 'issuing', 0, :not_after, :now, :reason, :entry)",
                    list(rows(min(_BATCH, entries - start), now)),
                )


def rows(count: int, now: int) -> Iterator[dict[str, Value]]:
    """Revocations with their entries."""
    for number in range(count):
        serial, reason = new_serial(), Reason.SUPERSEDED
        yield {
            "serial": serial_text(serial),
            "not_after": now + 86_400 + number,
            "now": now,
            "reason": reason.value,
            "entry": crl.entry(serial, now, reason),
        }


async def publish(home: Path) -> None:
    """The first half: publish alone, then beside somebody who writes and somebody who only wants to be served."""
    async with office(home) as opened:
        room = await strongroom(opened)
        before = megabytes()
        started, cpu = time.perf_counter(), time.process_time()
        await room.publisher.publish_all()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        peak = megabytes()
        octets = len((await room.publisher.newest("issuing")).der)
        print(f"the list                         {octets / 1e6:>12.1f} MB")
        print(f"read, join, sign and store       {seconds:>12.2f} s   (at most {MOST_SECONDS} s; {cpu:.2f} s of CPU)")
        print(f"peak memory of the publisher     {peak:>12.0f} MB  (at most {MOST_MEGABYTES}; before: {before:.0f})")
        idle = await lateness(asyncio.sleep(seconds))
        busy = await lateness(room.publisher.publish_all())
        for what, seen in (("idle", idle), ("publishing", busy)):
            print(f"event loop, {what:21}{seen.most:>12.2f} ms late at most, {seen.usual:.2f} ms in 99 of 100 cases;")
            print(f"{'':33}{seen.own:>12.2f} ms of its own CPU in one go at most")
        slowest, median = await waits_of_a_writer(opened.database, room.publisher.publish_all())
        print(f"another writer waits, publishing {slowest:>12.2f} ms at most, {median:.2f} ms in the middle")
    goals = [
        Goal("a full CRL read, joined, signed and stored", seconds, MOST_SECONDS, MOST_SECONDS, "s", is_ceiling=True),
        Goal("peak memory of its publisher", peak, MOST_MEGABYTES, MOST_MEGABYTES, "MB", is_ceiling=True),
    ]
    report.finish("crl", [], goals)


def megabytes() -> float:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Lateness(NamedTuple):
    """How late the event loop was, in milliseconds; `own` is what it computed itself between two looks."""

    most: float
    usual: float
    own: float


async def lateness(work: Coroutine[Any, Any, object]) -> Lateness:
    """See how late the event loop is while something goes on."""
    late: list[float] = []
    own: list[float] = []
    task = asyncio.create_task(work)
    while not task.done():
        started, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.0005)
        late.append((time.perf_counter() - started - 0.0005) * 1000)
        own.append((time.thread_time() - cpu) * 1000)
    late.sort()
    return Lateness(late[-1], late[len(late) * 99 // 100], max(own))


async def waits_of_a_writer(database: Database, work: Coroutine[Any, Any, object]) -> tuple[float, float]:
    """Milliseconds for one small durable write while something goes on: the slowest, and the one in the middle."""
    waits: list[float] = []
    task = asyncio.create_task(work)
    while not task.done():
        started = time.perf_counter()
        async with database.write() as tx:
            await tx.execute("UPDATE work SET attempts = attempts")
            await tx.execute("UPDATE status_counter SET last = last + 1")
        waits.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.005)
    waits.sort()
    return waits[-1], waits[len(waits) // 2]


def serve(home: Path) -> float:
    """The second half: the server's own process, from the request for a list to clients that have it."""
    url = f"http://localhost:{PORT + 3}/crl/issuing.crl"
    with subprocess.Popen(
        [SOAPSTONE, "--home", home, "serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None  # noqa: S101  # it was asked for
            while server.stdout.readline().strip() != "ready":
                pass
            was = etag(url)
            started = time.perf_counter()
            asyncio.run(ask(home))
            while etag(url) == was:
                time.sleep(0.05)
            published = time.perf_counter() - started
            started = time.perf_counter()
            with ThreadPoolExecutor(_CLIENTS) as clients:
                octets = sum(clients.map(fetch, [url] * _CLIENTS))
            fetched = time.perf_counter() - started
            peak = peak_of(server.pid)
        finally:
            server.terminate()
    print(f"served after it was asked for    {published:>12.2f} s   (the publisher looks every 2 s)")
    print(f"{_CLIENTS} clients fetch it at once       {fetched:>12.2f} s   ({octets / 1e6 / fetched:.0f} MB/s)")
    print(f"peak memory of the server        {peak:>12.0f} MB  (at most {MOST_MEGABYTES} MB)")
    return peak


async def ask(home: Path) -> None:
    """Ask for a list as a revocation does."""
    async with office(home) as opened, opened.database.write() as tx:
        await publications.request(tx, "issuing", crl.FULL, now=opened.clock.now())


def etag(url: str) -> str:
    """What tells one list from another."""
    with urlopen(Request(url, method="HEAD"), timeout=60) as answer:
        return str(answer.headers["ETag"])


def fetch(url: str) -> int:
    """Fetch a list; return its octets."""
    with urlopen(url, timeout=60) as answer:
        return len(answer.read())


def peak_of(pid: int) -> float:
    """The most memory that a process ever held, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    os.environ.pop("SOAPSTONE_HOME", None)
    main()
