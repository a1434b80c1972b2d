"""ACME issuance: four signed POSTs a certificate over TLS, at concurrency 1 and 32 (`make bench-acme`).

The installed server runs alone on one core, our client on another. CPU time is that of the server's whole process tree.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import ours, processes
from bench.issuing import Account, Wanted, load, wanted

KEYS = ("ec-p256", "rsa-2048")
LANES = (1, 32)
_MOST_A_SECOND = 600
_SETTLING_SECONDS = 1.5
"""By then the journal's sequencer has chained what was issued: its CPU is counted too."""


class Run(NamedTuple):
    """One run: certificates a second, latencies of whole issuances and the server's CPU in ms a certificate."""

    rate: float
    p50: float
    p99: float
    cpu: float
    posts: float
    own: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--keys", nargs="+", default=KEYS, help="the kinds of the issuing CA's key")
    parser.add_argument("--lanes", nargs="+", type=int, default=LANES, help="how many issuances go on at a time")
    parsed = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"server on core {cores[0]}, client on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"{parsed.runs} runs of {parsed.seconds:g} s; CPU is the server's, in ms a certificate")
    columns = "".join(f"{column:>9}" for column in ("median", "max", "p50 ms", "p99 ms", "CPU ms", "client", "peak MB"))
    print(f"{'':24}{'cert/s: min':>12}{columns}")
    for key in parsed.keys:
        with tempfile.TemporaryDirectory(prefix="bench-acme-") as name:
            home = ours.made(Path(name) / "home", key)
            with ours.serving(home, cores[0]) as pid:
                accounts = ours.accounts(home)
                names = [subscriber.zone for subscriber in home.subscribers]
                supply = [(account, fresh(zone)) for account, zone in zip(accounts, names, strict=True)]
                for lanes in parsed.lanes:
                    runs = [run(pid, supply[:lanes], parsed.seconds) for _ in range(parsed.runs)]
                    show(f"{key}, {lanes} at a time", runs, processes.peak(pid))


def fresh(zone: str) -> Iterator[Wanted]:
    """Certificates for names in a zone that never come again."""
    return (wanted(f"host{number}.{zone}") for number in itertools.count())


def run(pid: int, supply: list[tuple[Account, Iterator[Wanted]]], seconds: float) -> Run:
    """One run: prepare requests, send them, and see what it cost."""
    each = int(seconds * _MOST_A_SECOND) // len(supply) + 1
    lanes = [(account, deque(itertools.islice(wants, each))) for account, wants in supply]
    before = processes.cpu(pid)
    tally = load(lanes, seconds)
    time.sleep(_SETTLING_SECONDS)
    count = len(tally.milliseconds)
    cuts = statistics.quantiles(tally.milliseconds, n=100)
    cpu = (processes.cpu(pid) - before) / count
    return Run(count / tally.seconds, cuts[49], cuts[98], cpu, tally.posts / count, tally.own * 1_000 / count)


def show(label: str, runs: list[Run], peak: float) -> None:
    """Print a line."""
    rates = [one.rate for one in runs]
    p50, p99, cpu, own = (
        statistics.median(getattr(one, field) for one in runs) for field in ("p50", "p99", "cpu", "own")
    )
    print(
        f"{label:24}{min(rates):>12.1f}{statistics.median(rates):>9.1f}{max(rates):>9.1f}"
        f"{p50:>9.1f}{p99:>9.1f}{cpu:>9.2f}{own:>9.2f}{peak:>9.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
