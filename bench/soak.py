"""50,000 issuances by one worker: how much memory it has then, and whether that still grows (`make bench-soak`)."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from bench import ours, processes, report
from bench.issuing import measured
from bench.report import Goal, Run

_LANES = 32
_LEGS = 10
_LONGEST_SECONDS = 600.0
_FLAT_MEGABYTES = 5.0


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=50_000)
    parsed = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"server on core {cores[0]}, client on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"P-256 issuer, SQLite, {_LANES} at a time; {parsed.certificates:,} certificates")
    each = parsed.certificates // _LEGS
    runs: list[Run] = []
    peaks: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-soak-") as name:
        home = ours.made(Path(name) / "home", "ec-p256")
        with ours.serving(home, cores[0]) as pid:
            peer = ours.peer(home, pid)
            print(f"peak memory after {0:>6,}: {processes.peak(pid):.1f} MB")
            for leg in range(1, _LEGS + 1):
                runs.append(measured(peer, _LANES, _LONGEST_SECONDS, most=each))
                peaks.append(processes.peak(pid))
                print(f"peak memory after {leg * each:>6,}: {peaks[-1]:.1f} MB, {runs[-1].rate:.0f}/s", flush=True)
    report.heads()
    rows = [report.row(f"{_LEGS} times {each:,} certificates", runs, peak=peaks[-1])]
    growth = peaks[-1] - peaks[_LEGS // 2 - 1]
    goals = [
        Goal("peak memory of a worker after all of them", peaks[-1], 200, 120, "MB", is_ceiling=True),
        Goal("what the second half of them added to it", growth, None, _FLAT_MEGABYTES, "MB", is_ceiling=True),
    ]
    report.finish("soak", rows, goals, {f"peak_megabytes_{leg * each}": peak for leg, peak in enumerate(peaks, 1)})


if __name__ == "__main__":
    main()
