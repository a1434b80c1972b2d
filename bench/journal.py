"""A journal of a million rows: how long chaining and proving it take, and how much memory (`make bench-journal`).

The rows are written as `record()` writes them, and the installed command does the rest: the first `journal verify`
finds them without a place and chains them, as a server does with what an older version recorded; the second one
only proves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import report
from bench.report import Goal
from ca_core.audit.event import CertificateIssued
from ca_core.identity import new_ordered_id, new_serial, serial_text
from ca_core.store.database import Value
from server.office import office

SOAPSTONE = Path(sys.executable).with_name("soapstone")
PORT = 18_543
MOST_SECONDS_A_MILLION = 60.0
MOST_MEGABYTES = 200
_BATCH = 20_000


def main() -> None:
    """Measure, print, and end with 1 when a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-journal-") as folder:
        home = Path(folder) / "home"
        measured(home, "init", "--port", str(PORT), "--development")
        asyncio.run(fill(home, wanted.rows))
        print(f"rows                             {wanted.rows:>12,}")
        # Row after row is proved: of a part of a million it takes that part of the time.
        most = MOST_SECONDS_A_MILLION * wanted.rows / 1_000_000
        chaining, _, _ = measured(home, "journal", "verify")
        print(f"chain all, then prove            {chaining:>12.1f} s")
        proving, cpu, peak = measured(home, "journal", "verify")
        print(f"prove                            {proving:>12.1f} s   (at most {most:.0f}; {cpu:.1f} s of CPU)")
        print(f"peak memory                      {peak:>12.0f} MB  (at most {MOST_MEGABYTES})")
    goals = [
        Goal(f"a journal of {wanted.rows:,} rows proved", proving, most, most, "s", is_ceiling=True),
        Goal("peak memory of that", peak, MOST_MEGABYTES, MOST_MEGABYTES, "MB", is_ceiling=True),
    ]
    report.keep("journal", [], goals)
    sys.exit(int(proving > most or peak > MOST_MEGABYTES))


def measured(home: Path, *arguments: str) -> tuple[float, float, float]:
    """Run the installed command; return its seconds, its seconds of CPU and its megabytes."""
    started = time.perf_counter()
    process = subprocess.Popen([SOAPSTONE, "--home", home, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"soapstone {' '.join(arguments)} failed")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


async def fill(home: Path, rows: int) -> None:
    """Record certificates that nobody was ever given."""
    async with office(home) as opened:
        now = opened.clock.now()
        for start in range(0, rows, _BATCH):
            async with opened.database.write() as tx:
                await tx.execute_each(
                    "INSERT INTO journal (id, at, event, actor, registration_id, serial, detail)"
                    " VALUES (:id, :at, 'certificate-issued', :actor, :registration_id, :serial, :detail)",
                    list(issued(range(start, min(start + _BATCH, rows)), now)),
                )


def issued(numbers: range, now: int) -> Iterator[dict[str, Value]]:
    """Rows as an issuance leaves them."""
    for number in numbers:
        event = CertificateIssued("tls-server", (f"dns:host-{number}.example",), now + number, None)
        yield {
            "id": new_ordered_id(now, number),
            "at": now,
            "actor": "acme:acme-account:192.0.2.7",
            "registration_id": f"{number % 1000:032x}",
            "serial": serial_text(new_serial()),
            "detail": msgspec.json.encode(event).decode(),
        }


if __name__ == "__main__":
    main()
