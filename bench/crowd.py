"""Whom idle and slow connections disturb (`make bench-crowd`).

1,000 TLS connections that have asked once and rest, as they may for 75 s, and 200 that send the head of a request octet
by octet, against whole ACME issuances by others: their latency with the crowd and without, in turn.
"""

from __future__ import annotations

import argparse
import os
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import ours, processes, report
from bench.issuing import measured
from bench.report import Goal, Run
from bench.wire import Connection, Lane, drive

IDLE, SLOW = 1_000, 200
_LANES = 1
_OCTET_SECONDS = 1.0
_CALM_SECONDS = 3.0
"""By then all slow ones have shaken hands."""

_ROOM = (
    "limits.connections=4000",
    # All come from one address here.
    "limits.connections_per_address=4000",
)


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--crowd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--trust", type=Path, help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.crowd is not None:
        stand(parsed.crowd, parsed.trust)
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"server on core {cores[0]}, clients on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"RSA-2048 issuer, SQLite; {IDLE:,} idle and {SLOW} slow connections or none; {_LANES} issuance at a time")
    alone: list[Run] = []
    crowded: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="bench-crowd-") as name:
        home = ours.made(Path(name) / "home", "rsa-2048", *(part for one in _ROOM for part in ("--set", one)))
        with ours.serving(home, cores[0]) as pid:
            peer = ours.peer(home, pid)
            for _ in range(parsed.runs):
                alone.append(measured(peer, _LANES, parsed.seconds))
                with crowd(home.port, home.folder / "trust.pem"):
                    crowded.append(measured(peer, _LANES, parsed.seconds))
            peak = processes.peak(pid)
    report.heads()
    rows = [
        report.row("alone", alone),
        report.row(f"beside {IDLE:,} idle and {SLOW} slow ones", crowded, peak=peak),
    ]
    pairs = [after.p99 / before.p99 for before, after in zip(alone, crowded, strict=True)]
    goals = [
        Goal(
            "p99 beside the crowd / alone, middle of the rounds", statistics.median(pairs), 2, 1.2, "x", is_ceiling=True
        )
    ]
    report.finish("crowd", rows, goals)


@contextmanager
def crowd(port: int, trust: Path) -> Iterator[None]:
    """The crowd, in a process of its own, for the length of the block."""
    command = [sys.executable, "-m", "bench.crowd", "--crowd", str(port), "--trust", str(trust)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.strip() == "ready":
                break
        yield
        process.send_signal(signal.SIGTERM)


def stand(port: int, trust: Path) -> None:
    """Be the crowd until killed."""
    context = ssl.create_default_context(cafile=str(trust))
    request = b"GET /acme/directory HTTP/1.1\r\nHost: localhost\r\n\r\n"
    idle = [Connection(context, port) for _ in range(IDLE)]

    def once(connection: Connection) -> Lane:
        yield from connection.ask(request)

    def crawl(connection: Connection, late: float) -> Lane:
        while True:
            # Not all in the same instant.
            yield late
            tls = yield from connection.open()
            try:
                for octet in request:
                    tls.send(bytes([octet]))
                    yield _OCTET_SECONDS
            except OSError:
                # Who is that slow is cut off, and comes again.
                connection.close()

    def all_of_them() -> Lane:
        yield _CALM_SECONDS
        print("ready", flush=True)

    drive(map(once, idle))
    drive([*(crawl(Connection(context, port), number / SLOW) for number in range(SLOW)), all_of_them()])


if __name__ == "__main__":
    main()
