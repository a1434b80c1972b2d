"""A million certificates in the store: how fast it issues beside an empty one, how soon it is ready (`bench-scale`).

Two homes are served on one core and asked in turn by our client on another. The full one was filled past the server,
with all rows that as many ACME issuances leave, the journal's included.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench import filling, ours, processes, report
from bench.issuing import Peer, measured
from bench.ours import Home
from bench.report import Goal, Spread
from bench.wire import drive

_LANES = 32
_EMPTY, _FULL = "an empty store", "a store with {:,} certificates"


class Start(NamedTuple):
    """One start: seconds, and seconds of CPU, until it is ready."""

    seconds: float
    cpu: float


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--certificates", type=int, default=1_000_000)
    parsed = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"servers on core {cores[0]}, client on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"RSA-2048 issuer, SQLite, {_LANES} at a time; certificates a second; CPU in ms a certificate")
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as name, ExitStack() as stack:
        homes = [ours.made(Path(name) / label, "rsa-2048") for label in ("empty", "full")]
        peers = [prepared(home, cores[0]) for home in homes]
        filled = time.perf_counter()
        filling.fill(homes[1].folder, parsed.certificates)
        filled = time.perf_counter() - filled
        size = sum(path.stat().st_size for path in homes[1].folder.glob("soapstone.db*"))
        print(f"filled in {filled:.0f} s, {size / 1e6:,.0f} MB")
        ready = [[to_ready(home, cores[0]) for _ in range(parsed.runs)] for home in homes]
        served = []
        for home, peer in zip(homes, peers, strict=True):
            served.append(peer._replace(pids=(stack.enter_context(ours.serving(home, cores[0])),)))
            drive(account.resume() for account, _ in peer.supply)
        found = [[measured(peer, _LANES, parsed.seconds) for peer in served] for _ in range(parsed.runs)]
        report.heads()
        labels = (_EMPTY, _FULL.format(parsed.certificates))
        rows = [
            report.row(label, [runs[at] for runs in found], peak=processes.peak(*served[at].pids))
            for at, label in enumerate(labels)
        ]
    starts = [
        Spread(min(one), statistics.median(one), max(one)) for one in ([s.seconds for s in all_] for all_ in ready)
    ]
    for label, start, all_ in zip(labels, starts, ready, strict=True):
        used = statistics.median(one.cpu for one in all_)
        print(f"ready with {label}: {start.least:.2f} / {start.median:.2f} / {start.most:.2f} s, {used:.2f} s of CPU")
    goals = [
        Goal(
            "issuances/s with a million certificates / with none", rows[1].rate.median / rows[0].rate.median, 0.8, 0.95
        ),
        Goal("start to ready with a million certificates", starts[1].median, 4, 2, "s", is_ceiling=True),
    ]
    report.finish("scale", rows, goals, {"ready_empty_seconds": starts[0].median, "store_megabytes": size / 1e6})


def prepared(home: Home, core: int) -> Peer:
    """Accounts, and a first certificate."""
    with ours.serving(home, core) as pid:
        peer = ours.peer(home, pid)
        measured(peer, 1, 0.1)
        peer.close()
    return peer


def to_ready(home: Home, core: int) -> Start:
    """From the start of the process to its word that all doors are open."""
    start = time.perf_counter()
    with ours.serving(home, core) as pid:
        return Start(time.perf_counter() - start, processes.cpu(pid) / 1_000)


if __name__ == "__main__":
    main()
