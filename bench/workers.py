"""Two workers on PostgreSQL against one (`make bench-workers`).

One worker and its database on one core, as in all other measurements; then two workers and the same database on two
cores. Where the machine has no third one, our client shares the second, and its CPU is shown. Beside that one worker on
the same two cores, which can only use what the database leaves.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from bench import ours, processes, report
from bench.issuing import measured
from bench.report import Goal, Run
from bench.wire import drive

_LANES = 32
_WARM_SECONDS = 3.0


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parsed = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"client on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"RSA-2048 issuer, PostgreSQL, {_LANES} at a time; certificates a second; CPU in ms a certificate")
    ways = {
        "one worker and the database on one core": (1, cores[:1]),
        "one worker and the database on two cores": (1, cores[:2]),
        "two workers and the database on two cores": (2, cores[:2]),
    }
    seen: dict[str, list[Run]] = {label: [] for label in ways}
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as name, ours.cluster(*cores[:2]) as cluster:
        home = ours.made(Path(name) / "home", "rsa-2048", "--set", f"store.url={cluster.url(cluster.make())}")
        with ours.serving(home, cores[0]) as pid:
            peer = ours.peer(home, pid)
        for _ in range(parsed.runs):
            for label, (workers, where) in ways.items():
                ours.pin(cluster.pid, where)
                with ours.serving(home, *where, workers=workers) as pid:
                    # The first worker is ready before the second, and would get all connections.
                    time.sleep(_WARM_SECONDS)
                    drive(account.resume() for account, _ in peer.supply)
                    seen[label].append(measured(peer._replace(pids=(pid, cluster.pid)), _LANES, parsed.seconds))
                    peaks[label] = processes.peak(pid)
    report.heads()
    rows = [report.row(label, runs, peak=peaks[label]) for label, runs in seen.items()]
    one, same, two = (row.rate.median for row in rows)
    by_cpu = 2 * rows[0].cpu.median / rows[2].cpu.median
    goals = [
        Goal("issuances/s of two workers on two cores / of one on one", two / one, 1.5, 1.7, "x"),
        Goal("the same by CPU a certificate, which a busy machine leaves alone", by_cpu, None, 1.7, "x"),
        Goal("the same / of one worker on the same two cores", two / same, None, 1.7, "x"),
    ]
    report.finish("workers", rows, goals)


if __name__ == "__main__":
    main()
