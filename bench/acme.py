"""ACME issuance over TLS, at concurrency 1 and 32: ours, Pebble and acme2certifier in the same run (`make bench-acme`).

The servers run on one core, our client on another, and one is asked after the other, round by round, so that a
busy machine is as busy for each. CPU time is that of a server's whole process tree.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench import ours, peers, processes, report
from bench.issuing import Peer, measured
from bench.report import Goal, Row, Run

LANES = (1, 32)
_INSTALL = Path(__file__).with_name("install")
_ECHO, _A2C, _PEBBLE, _POSTGRESQL, _SQLITE = "echo", "acme2certifier", "pebble", "postgresql", "rsa-2048"
_BUSY = max(LANES)


@contextmanager
def soapstone(folder: Path, core: int, key: str) -> Iterator[Peer]:
    """Ours on SQLite."""
    home = ours.made(folder / key, key)
    with ours.serving(home, core) as pid:
        yield ours.peer(home, pid)


@contextmanager
def on_postgresql(folder: Path, core: int) -> Iterator[Peer]:
    """Ours on PostgreSQL, which has the same core."""
    with ours.cluster(core) as cluster:
        home = ours.made(folder / "postgresql", "rsa-2048", "--set", f"store.url={cluster.url(cluster.make())}")
        with ours.serving(home, core) as pid:
            yield ours.peer(home, pid, cluster.pid)


TARGETS: dict[str, Callable[[Path, int], AbstractContextManager[Peer]]] = {
    _ECHO: peers.echo,
    "ec-p256": lambda folder, core: soapstone(folder, core, "ec-p256"),
    _SQLITE: lambda folder, core: soapstone(folder, core, "rsa-2048"),
    _POSTGRESQL: on_postgresql,
    _PEBBLE: peers.pebble,
    _A2C: peers.acme2certifier,
}
LABELS = {
    _ECHO: "answers made beforehand",
    "ec-p256": "soapstone, P-256, SQLite",
    _SQLITE: "soapstone, RSA-2048, SQLite",
    _POSTGRESQL: "soapstone, RSA-2048, PostgreSQL",
    _PEBBLE: "Pebble, RSA-2048, memory",
    _A2C: "acme2certifier, RSA-2048, SQLite",
}


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument(
        "--only", nargs="+", choices=TARGETS, default=list(TARGETS), help="no goals without all of them"
    )
    parser.add_argument("--lanes", nargs="+", type=int, default=LANES, help="how many issuances go on at a time")
    parsed = parser.parse_args()
    if {_PEBBLE, _A2C, _POSTGRESQL} & set(parsed.only):
        subprocess.run([_INSTALL], check=True)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"servers on core {cores[0]}, client on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"{parsed.runs} runs of {parsed.seconds:g} s; certificates a second; CPU in ms a certificate")
    rows = asked(parsed.only, parsed.lanes, parsed.runs, parsed.seconds, cores[0])
    if set(parsed.only) == set(TARGETS) and set(parsed.lanes) >= set(LANES):
        report.finish("acme", list(rows.values()), goals(rows))
    sys.exit(0)


def asked(only: list[str], lanes: list[int], runs: int, seconds: float, core: int) -> dict[tuple[str, int], Row]:
    """Ask each server in turn, round by round."""
    seen: dict[tuple[str, int], list[Run]] = {(target, count): [] for target in only for count in lanes}
    with tempfile.TemporaryDirectory(prefix="bench-acme-") as name, ExitStack() as stack:
        served = {target: stack.enter_context(TARGETS[target](Path(name), core)) for target in only}
        for _ in range(runs):
            for (target, count), found in seen.items():
                found.append(measured(served[target], count, seconds))
        report.heads()
        return {
            (target, count): report.row(
                f"{LABELS[target]}, {count} at a time", found, peak=processes.peak(*served[target].pids)
            )
            for (target, count), found in seen.items()
        }


def goals(rows: dict[tuple[str, int], Row]) -> list[Goal]:
    """What the issue asks for of ACME."""
    busy, calm = rows[_SQLITE, _BUSY], rows[_SQLITE, 1]
    pebble, peer, shared = rows[_PEBBLE, _BUSY], rows[_A2C, _BUSY], rows[_POSTGRESQL, _BUSY]
    times = busy.rate.median / peer.rate.median
    other = shared.rate.median / peer.rate.median
    return [
        Goal("CPU per certificate, Pebble's / ours", pebble.cpu.median / busy.cpu.median, 0.6, 1.0),
        Goal("issuances/s, ours / acme2certifier's", times, 25, 40, "x"),
        Goal(
            "the same, if what it needs beyond four requests cost nothing",
            times * busy.posts / peer.posts,
            None,
            40,
            "x",
        ),
        Goal("issuances/s on PostgreSQL, which shares the core, ours / acme2certifier's", other, 12, 20, "x"),
        Goal("CPU per certificate, acme2certifier's / ours", peer.cpu.median / busy.cpu.median, None, 40, "x"),
        Goal(
            "CPU per certificate, acme2certifier's / ours on PostgreSQL",
            peer.cpu.median / shared.cpu.median,
            None,
            20,
            "x",
        ),
        Goal("whole issuance at concurrency 1, p50", calm.p50.median, 10, 6, "ms", is_ceiling=True),
        Goal("whole issuance at concurrency 1, p99", calm.p99.median, None, 20, "ms", is_ceiling=True),
    ]


if __name__ == "__main__":
    main()
