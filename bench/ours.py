"""Our own server as the benchmarks start it: the installed command in a home of its own, with subscribers."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from bench import processes
from bench.issuing import Account, Peer, Place, fresh
from bench.status import SOAPSTONE, served, soapstone
from bench.wire import drive
from ca_core import names
from ca_core.registration.account import Grant
from ca_core.registration.desk import Form
from conformance.house import free_ports
from conformance.postgresql import Cluster
from server.office import office

SUBSCRIBERS = 32
_SETTLING_SECONDS = 1.5
"""By then the journal's sequencer has chained what was issued: its CPU is counted too."""

_LIMITS = ("limits.orders_per_hour=1000000000",)
"""As strict as ever, and counted; but a run asks for more in a minute than a subscriber may in an hour."""


class Subscriber(NamedTuple):
    """One who was registered: the zone whose names are vetted, and what the sheet says."""

    zone: str
    account: str
    code: str
    eab: dict[str, Any]


class Home(NamedTuple):
    """A home that can be served: where, its first port, and who was registered."""

    folder: Path
    port: int
    subscribers: list[Subscriber]


def made(folder: Path, key: str, *options: str) -> Home:
    """Make a home with subscribers who each have a zone.

    Args:
        key: of the CAs, as `init --key` takes it.
        options: more of `init`, such as `--set` with what it takes.
    """
    port = free_ports()
    limits = [part for limit in _LIMITS for part in ("--set", limit)]
    soapstone(folder, "init", "--port", str(port), "--development", "--key", key, *limits, *options)
    return Home(folder, port, asyncio.run(_registered(folder)))


async def _registered(home: Path) -> list[Subscriber]:
    found = []
    async with office(home) as opened:
        for number in range(SUBSCRIBERS):
            zone = f"zone{number}.bench.example"
            grants = (Grant(names.dns(zone), zone=True),)
            form = Form("partner", f"CN=Partner {number},O=Bench", uses=None, grants=grants)
            _, sheet = await opened.desk.register(form, actor="bench")
            assert sheet.eab is not None  # noqa: S101  # a partner's sheet has one
            assert sheet.enrollment_code is not None  # noqa: S101  # and the other
            eab = {"kid": sheet.eab.kid, "hmac_key": sheet.eab.mac_key.reveal()}
            found.append(Subscriber(zone, sheet.account, sheet.enrollment_code.reveal(), eab))
    return found


@contextmanager
def serving(home: Home, *cores: int, workers: int = 1) -> Iterator[int]:
    """The server on one core or several, for the length of the block; gives its first process."""
    command = [str(SOAPSTONE), "--home", str(home.folder), "serve", "--workers", str(workers)]
    with served(home.folder, command, core=",".join(map(str, cores))) as process:
        yield process.pid


@contextmanager
def cluster(*cores: int) -> Iterator[Cluster]:
    """A PostgreSQL of our own on one core or several, which syncs what it confirms."""
    before = os.sched_getaffinity(0)
    # What is started here, and what that starts, stays there.
    os.sched_setaffinity(0, cores)
    try:
        made = Cluster()
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield made
    finally:
        made.close()


def pin(pid: int, cores: Iterable[int]) -> None:
    """Let a process and all its descendants run on these cores only."""
    for one in processes.tree([pid]):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(one, cores)


def peer(home: Home, *pids: int) -> Peer:
    """An ACME account for each subscriber, by its EAB key, that wants names of its zone."""
    context = ssl.create_default_context(cafile=str(home.folder / "trust.pem"))
    place = Place(home.port, "/acme/directory", context)
    accounts = [Account(place) for _ in home.subscribers]
    both = list(zip(accounts, home.subscribers, strict=True))
    drive(account.open(subscriber.eab) for account, subscriber in both)
    return Peer(pids, [(account, fresh(subscriber.zone)) for account, subscriber in both], _SETTLING_SECONDS)
