"""Whom those disturb who guess secrets (`make bench-guesses`).

200 wrong enrollment codes a second at EST, or 200 wrong passwords a second at the portal's sign-in, each from another
address and for another account, so that none is held back; against whole ACME issuances by others: their latency beside
the guesses and without, in turn. Passwords are guessed inside the server's process, where its pages will ask.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import os
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from bench import ours, processes, report
from bench.issuing import measured
from bench.report import Goal, Run
from bench.status import served
from bench.wire import Connection, Lane, drive
from ca_core.errors import Refusal
from ca_core.registration.sign_in import SignIn
from ca_core.secret import Secret
from conformance.acme import csr, new_key
from server import serving
from server.office import Office
from server.signing_in import signing_in

A_SECOND = 200
_LANES = 1
_CODE_LANES = 8
_SETTLING_SECONDS = 1.0
_TALLY = "guesses.json"
_CODES, _PASSWORDS = "codes", "passwords"
# Who guesses says where from.
_SETTINGS = ('est.proxies=["127.0.0.1", "::1"]',)


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--trust", type=Path, help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.inside is not None:
        asyncio.run(serve(parsed.inside))
    elif parsed.at is not None:
        guess_codes(parsed.at, parsed.trust)
    else:
        measure(parsed.runs, parsed.seconds)


def measure(runs: int, seconds: float) -> None:
    """Issue with guesses and without, in turn."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"server on core {cores[0]}, clients on core {cores[-1]}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"RSA-2048 issuer, SQLite; {A_SECOND} wrong secrets a second or none; {_LANES} issuance at a time")
    found: dict[str, list[Run]] = {"": [], _CODES: [], _PASSWORDS: []}
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="bench-guesses-") as name:
        folder = Path(name)
        home = ours.made(folder / "home", "rsa-2048", *(part for one in _SETTINGS for part in ("--set", one)))
        command = [sys.executable, "-m", "bench.guesses", "--inside", str(home.folder)]
        with served(folder, command, core=str(cores[0])) as process:
            peer = ours.peer(home, process.pid)
            for _ in range(runs):
                found[""].append(measured(peer, _LANES, seconds))
                with codes(home.port + 1, home.folder / "trust.pem"):
                    found[_CODES].append(measured(peer, _LANES, seconds))
                with passwords(process.pid):
                    found[_PASSWORDS].append(measured(peer, _LANES, seconds))
                tally += told(home.folder)
            peak = processes.peak(process.pid)
    report.heads()
    rows = [
        report.row("alone", found[""]),
        report.row(f"beside {A_SECOND} wrong codes a second", found[_CODES]),
        report.row(f"beside {A_SECOND} wrong passwords a second", found[_PASSWORDS], peak=peak),
    ]
    facts = {f"passwords answered with {answer}": float(count) for answer, count in tally.items()}
    report.finish("guesses", rows, [goal(found, what) for what in (_CODES, _PASSWORDS)], facts)


def goal(found: dict[str, list[Run]], what: str) -> Goal:
    """How much longer the slowest of a hundred takes."""
    pairs = [beside.p99 / alone.p99 for alone, beside in zip(found[""], found[what], strict=True)]
    return Goal(
        f"p99 beside {A_SECOND} wrong {what} a second / alone, middle of the rounds",
        statistics.median(pairs),
        1.5,
        1.1,
        "x",
        is_ceiling=True,
    )


@contextmanager
def codes(port: int, trust: Path) -> Iterator[None]:
    """Wrong codes at EST, from a process of their own, for the length of the block."""
    command = [sys.executable, "-m", "bench.guesses", "--at", str(port), "--trust", str(trust)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.strip() == "ready":
                break
        yield
        process.send_signal(signal.SIGTERM)


@contextmanager
def passwords(pid: int) -> Iterator[None]:
    """Wrong passwords inside the server, for the length of the block."""
    os.kill(pid, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGUSR2)
        # By then it has written down what became of them.
        time.sleep(_SETTLING_SECONDS)


def told(home: Path) -> Counter[str]:
    """What became of the passwords that were guessed since the last time."""
    with suppress(FileNotFoundError):
        return Counter(msgspec.json.decode((home / _TALLY).read_bytes(), type=dict[str, int]))
    return Counter()


def guess_codes(port: int, trust: Path) -> None:
    """Guess codes until killed."""
    context = ssl.create_default_context(cafile=str(trust))
    body = base64.b64encode(csr(new_key(), "guess.example")) + b"\n"
    numbers = itertools.count()

    def guess(late: float) -> Lane:
        connection = Connection(context, port)
        yield late
        while True:
            number = next(numbers)
            basic = base64.b64encode(f"nobody-{number}:ABCD-EFGH-JKLM-NPQR-STUV-WXYZ".encode()).decode()
            head = (
                "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n"
                f"X-Forwarded-For: {source(number)}\r\nAuthorization: Basic {basic}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            answer = yield from connection.ask(head.encode() + body)
            if answer.status != 401:  # noqa: PLR2004  # a wrong secret's
                sys.exit(f"a guess was answered with {answer.head.decode()}")
            yield _CODE_LANES / A_SECOND

    def begun() -> Lane:
        yield _SETTLING_SECONDS
        print("ready", flush=True)

    drive([*(guess(number / A_SECOND) for number in range(_CODE_LANES)), begun()])


async def serve(home: Path) -> None:
    """Be the server, and guess passwords between SIGUSR1 and SIGUSR2."""
    loop, guessing = asyncio.get_running_loop(), asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    async def ready(opened: Office) -> None:
        loop.add_signal_handler(signal.SIGUSR1, guessing.set)
        loop.add_signal_handler(signal.SIGUSR2, guessing.clear)
        tasks.append(asyncio.create_task(guess_passwords(opened, guessing)))
        print("ready", flush=True)

    await serving.serve(home, ready)


async def guess_passwords(opened: Office, guessing: asyncio.Event) -> None:
    """So many a second, whether or not those before are answered."""
    sign_in = SignIn(opened.database, opened.clock, opened.keeper)
    entering = signing_in(opened, sign_in)
    tally: Counter[str] = Counter()
    under_way: set[asyncio.Task[None]] = set()

    async def guess(number: int) -> None:
        try:
            await entering.portal.sign_in(f"nobody-{number}", Secret(f"guess {number}"), source=source(number))
        except Refusal as refusal:
            tally[type(refusal).__name__] += 1

    loop = asyncio.get_running_loop()
    due = loop.time()
    for number in itertools.count():
        if not guessing.is_set():
            (opened.home / _TALLY).write_bytes(msgspec.json.encode(tally))
            tally.clear()
            await guessing.wait()
            due = loop.time()
        task = asyncio.create_task(guess(number))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        due += 1 / A_SECOND
        await asyncio.sleep(max(0.0, due - loop.time()))


def source(number: int) -> str:
    """Another address for each."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


if __name__ == "__main__":
    main()
