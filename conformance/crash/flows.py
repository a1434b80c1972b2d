"""What goes on while the plug is pulled, and how it is looked at afterwards.

A flow is prepared in the light, acted under strace, and settled: the dead home is read, the server starts again, what
was not acknowledged is asked for again, and whatever is wrong comes back as sentences.
"""

from __future__ import annotations

import functools
import itertools
import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509

from conformance.crash import inspection, strace
from conformance.crash.inspection import Home
from conformance.crash.strace import Point
from conformance.crash.subscriber import GONE, PATIENCE_SECONDS, Broken, Refused, Subscriber, await_crl, crl
from conformance.house import SOAPSTONE, House, run

Injection = str
_AFTER_READY_SECONDS = 0.6
"""Long enough for every worker's first turn, which comes right after the doors opened."""
_RETRY_SECONDS = 0.2
_ATTEMPTS = 4
_WRITER = 1
"""The thread of the writing connection: it is opened first."""


class Site:
    """One home, its server, and everybody who was promised something by it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        # A life below the renewal window: it may be renewed at once.
        self.house = House(folder, "profiles.device.validity_seconds=864000")
        self.house.start()
        self.log = folder / "strace.log"
        self.subscribers: list[Subscriber] = []
        self._numbers = itertools.count(1)
        self._crl_number = 0
        self.intended: Point | None = None

    def subscriber(self) -> Subscriber:
        """A new one, registered now."""
        made = Subscriber(self.house, f"{next(self._numbers):04}", self.folder)
        self.subscribers.append(made)
        return made

    def number(self) -> str:
        return f"{next(self._numbers):04}"

    def cut(self) -> tuple[Home, set[str]]:
        """Kill the server if it still lives; what its home holds then, and which signatures are in it."""
        self.house.kill()
        issuer = x509.load_pem_x509_certificate((self.house.home / "authority" / "issuing.pem").read_bytes())
        signed = inspection.signed_things(self.house.home, issuer)
        return inspection.read_dead(self.house.home, self.folder / "dead"), signed

    def faults(self, before: Home | None, signed: set[str]) -> list[str]:
        """What is wrong with the living home."""
        found = inspection.violations(
            inspection.read(self.house.home / inspection.DATABASE),
            before=before,
            certificates=[der for one in self.subscribers for der in one.promises.certificates],
            revoked=[serial for one in self.subscribers for serial in one.promises.revoked],
            signed=signed,
        )
        number = crl(self.house).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        if number < self._crl_number:
            found.append(f"the CRL went from number {self._crl_number} back to {number}")
        self._crl_number = number
        return found

    def close(self) -> None:
        self.house.close()


def trouble(what: str, ask: Callable[[], object]) -> list[str]:
    """Ask, and turn what a subscriber must never see into a sentence."""
    try:
        ask()
    except Broken as broken:
        return [f"{what}: {broken}"]
    except Refused:
        return [f"{what}: refused although nothing is wrong any more"]
    return []


class Flow:
    """What is common to all flows.

    Attributes:
        faulty: whether calls are made to fail instead of killing; then nothing dies and 503 is a good answer.
        reached: whether the injection hit: something died, or was refused.
    """

    traced_from_the_beginning = False

    def __init__(self, site: Site) -> None:
        self.site = site
        self.faulty = False
        self.reached = False

    def prepare(self) -> None:
        """Come to the point where the flow begins."""

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        raise NotImplementedError

    def settle(self) -> list[str]:
        raise NotImplementedError

    def walk(self, name: str) -> list[Point]:
        """Walk the flow with nothing injected; every point that it passes, in order."""
        self.prepare()
        tids = [] if self.traced_from_the_beginning else strace.threads(self.site.house.pid)
        broken = self.act(strace.COUNT_ONLY, thread=None)
        calls = strace.walked(self.site.log)
        broken += self.settle()
        assert not broken, broken
        if self.traced_from_the_beginning:
            return _points(name, calls, _busiest(calls))
        assert {tid for tid, _ in calls} <= set(tids), "a thread was made meanwhile, and its calls are not covered"
        # What the reading threads do is as often as the scheduler likes, and changes nothing.
        return _points(name, calls, {(tids[place], call): place for place in (0, _WRITER) for call in strace.CALLS})

    def die_at(self, point: Point) -> list[str]:
        """Kill at a point; everything that is wrong afterwards."""
        self.prepare()
        return [*self.act(point.kill, thread=point.thread), *self.settle()]

    def fail_at(self, point: Point, error: str) -> list[str]:
        """Have calls fail from a point on, until the walk is over; everything that is wrong then or afterwards."""
        self.faulty = True
        self.prepare()
        return [*self.act(point.fault(error), thread=point.thread), *self.settle()]


def _points(name: str, calls: list[tuple[int, str]], places: Mapping[tuple[int, str], int | None]) -> list[Point]:
    """The points of those threads and calls that have a place."""
    numbers: Counter[tuple[int, str]] = Counter()
    points = []
    for key in calls:
        numbers[key] += 1
        if key in places:
            points.append(Point(name, places[key], key[1], numbers[key]))
    return points


def _busiest(calls: list[tuple[int, str]]) -> dict[tuple[int, str], None]:
    """For each call the thread that makes it most often: it is the first one that makes it so often."""
    often = Counter(calls)
    return {max((key for key in often if key[1] == call), key=lambda key: often[key]): None for _, call in often}


class Served(Flow):
    """A subscriber's walk through the doors of a running server."""

    def __init__(self, site: Site, walk: Callable[[Subscriber], None], *before: Callable[[Subscriber], None]) -> None:
        super().__init__(site)
        self._walk = walk
        self._before = before
        self.subscriber: Subscriber

    def prepare(self) -> None:
        self.subscriber = self.site.subscriber()
        self.subscriber.client()
        for walk in self._before:
            walk(self.subscriber)

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        found: list[str] = []
        self.subscriber.patience_seconds = 0 if self.faulty else PATIENCE_SECONDS
        with strace.attached(self.site.house.pid, injection, self.site.log, thread=thread):
            try:
                self._walk(self.subscriber)
            except GONE as gone:
                self.reached = True
                if self.faulty:
                    found.append(f"the server hung up: {gone!r}")
            except Refused:
                self.reached = True
                if not self.faulty:
                    found.append("503 although nothing was wrong")
                crl(self.site.house)  # reads go on
            except Broken as broken:
                found.append(f"while it was cut: {broken}")
        self.subscriber.patience_seconds = PATIENCE_SECONDS
        return found

    def settle(self) -> list[str]:
        found: list[str] = []
        if self.faulty:
            found += self._go_on()
        before, signed = self.site.cut()
        if not self.site.house.launch():
            return [*found, f"the server did not start again: {self.site.house.log[-300:]}"]
        for time_ in ("asked again", "asked once more"):
            found += trouble(time_, lambda: self._walk(self.subscriber))
        return [*found, *self.site.faults(before, signed)]

    def _go_on(self) -> list[str]:
        """The error is gone: everything is to be had within seconds, without a new start."""
        if self.site.house.ended():
            return ["the server died of an error"]
        return trouble("after the error", self._walk_patiently)

    def _walk_patiently(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._walk(self.subscriber)
            except Refused:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return


class Start(Flow):
    """A start that has everything to do: an intention to finish, an own certificate to make, a CRL to publish."""

    traced_from_the_beginning = True

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._subscriber: Subscriber
        self._revoked: Subscriber
        self._dead: Home
        self._signed: set[str] = set()

    def prepare(self) -> None:
        self._revoked = self.site.subscriber()
        self._revoked.acme()
        self._leave_intention()
        for _ in range(_ATTEMPTS):
            if self.has_intention:
                break
            self.site.house.start()
            self._leave_intention()
        serial = x509.load_der_x509_certificate(self._revoked.promises.get("ACME certificate")).serial_number
        self.site.house.command("revoke", f"{serial:x}", "--reason", "superseded")
        self._revoked.promises.revoked.add(serial)
        (self.site.house.home / "tls" / "server.pem").unlink()

    def _leave_intention(self) -> None:
        """Kill the server when it has just made an intention durable, before its thread tells the others."""
        finalize = Served(self.site, Subscriber.finalize, Subscriber.account, Subscriber.order)
        if self.site.intended is None:
            writes = [point for point in finalize.walk("finalize") if point.thread == _WRITER]
            commits = [place for place, point in enumerate(writes) if point.call == "fdatasync"]
            self.site.intended = writes[commits[0] + 1]
        finalize.prepare()
        finalize.act(self.site.intended.kill, thread=_WRITER)
        self._subscriber = finalize.subscriber
        self._dead, self._signed = self.site.cut()
        if not self.has_intention:
            # The journal's own commit came between; it is counted anew.
            self.site.intended = None

    @property
    def has_intention(self) -> bool:
        """Whether the first kill really left something to finish."""
        return any(row.state == "intended" for row in self._dead.rows)

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        is_ready = self.site.house.launch(*strace.from_the_beginning(injection, self.site.log))
        if is_ready:
            time.sleep(_AFTER_READY_SECONDS)
        self.reached = not is_ready or self.site.house.ended()
        return []

    def settle(self) -> list[str]:
        _, signed = self.site.cut()
        if not self.site.house.launch():
            return [f"the server did not start again: {self.site.house.log[-300:]}"]
        found = trouble("asked again", self._subscriber.finalize)
        for serial in self._revoked.promises.revoked:
            found += trouble("the CRL", functools.partial(await_crl, self.site.house, serial))
        intended = [row.serial for row in self._dead.rows if row.state == "intended"]
        home = inspection.read(self.site.house.home / inspection.DATABASE)
        issued = {row.serial for row in home.issued}
        found += [f"{serial} was not finished" for serial in intended if serial not in issued]
        if not intended:
            found.append("there was no intention to finish: this start has proved nothing")
        return [*found, *self.site.faults(self._dead, signed | self._signed)]


class Command(Flow):
    """A command of ours that dies while the server goes on."""

    traced_from_the_beginning = True

    def __init__(self, site: Site, *arguments: str) -> None:
        super().__init__(site)
        self.arguments = arguments
        self.printed = ""

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        tracer = strace.from_the_beginning(injection, self.site.log)
        self._run(*tracer, SOAPSTONE, "--home", self.site.house.home, *self.arguments)
        return []

    def _run(self, *command: str | Path) -> None:
        done = run(*command)
        self.printed, self.reached = done.stdout, done.returncode == -signal.SIGKILL

    def check(self) -> list[str]:
        """What this command must have done, or must be able to do now."""
        return []

    def settle(self) -> list[str]:
        found = self.check()
        if self.site.house.ended():
            return [*found, "the server died with the command"]
        return [*found, *self.site.faults(None, set())]


class Register(Command):
    """`register` with a chosen account: it is there whole, or not at all."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._account = ""

    def prepare(self) -> None:
        number = self.site.number()
        self._account = f"cut-{number}"
        subject, zone = f"CN={number},C=TW", f"n{number}.crash.example"
        self.arguments = (
            *("register", "--json", "--kind", "device", "--account", self._account),
            *("--subject", subject, "--zone", zone),
        )

    def check(self) -> list[str]:
        sheet = _json(self.printed)
        if sheet is None:
            again = self.site.house.attempt(*self.arguments)
            # Not printed whole, so nobody has it; the account may exist, and then it is handed a new sheet.
            retry = again.stdout if again.returncode == 0 else self.site.house.command("sheet", self._account, "--json")
            sheet = json.loads(retry)
        return _sheet_works(self.site, sheet)


class Sheet(Command):
    """`sheet`: the old one works until the new one is made, and a printed one works."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._old: dict[str, Any] = {}

    def prepare(self) -> None:
        number = self.site.number()
        self._old = self.site.house.register(
            "--kind", "device", "--subject", f"CN={number},C=TW", "--zone", f"n{number}.crash.example"
        )
        self.arguments = ("sheet", self._old["account"], "--json")

    def check(self) -> list[str]:
        sheet = _json(self.printed) or json.loads(self.site.house.command(*self.arguments))
        found = _sheet_works(self.site, sheet)
        return found if sheet["sheet"] > self._old["sheet"] else [*found, "the new sheet has the old number"]


class PublishCrl(Command):
    """`crl publish` beside a running server."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "crl", "publish")

    def check(self) -> list[str]:
        self.site.house.command("crl", "publish")
        return []


class Backup(Command):
    """`backup`: a half-written one hinders neither the server nor the next backup."""

    def prepare(self) -> None:
        self.arguments = ("backup", str(self.site.folder / f"{self.site.number()}.tar.gz"))

    def check(self) -> list[str]:
        restored = self.site.folder / "restored"
        shutil.rmtree(restored, ignore_errors=True)
        file = self.site.folder / f"{self.site.number()}.tar.gz"
        self.site.house.command("backup", str(file))
        done = run(SOAPSTONE, "--home", restored, "restore", file)
        return [] if done.returncode == 0 else [f"the next backup cannot be restored: {done.stderr}"]


class Init(Command):
    """`init`: there is a whole home, or none and it can be made."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._home = site.folder / "made"

    def prepare(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        tracer = strace.from_the_beginning(injection, self.site.log)
        self._run(*tracer, SOAPSTONE, "--home", self._home, "init")
        return []

    def check(self) -> list[str]:
        if not (self._home / "soapstone.toml").exists():
            made = run(SOAPSTONE, "--home", self._home, "init")
            if not (self._home / "soapstone.toml").exists():
                return [f"no home, and none can be made: {made.stderr}"]
        checked = run(SOAPSTONE, "--home", self._home, "doctor")
        return [] if checked.returncode == 0 else [f"the home is not whole: {checked.stderr}"]


class Restore(Init):
    """`restore`: there is a whole home, or none and it can be restored again."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._file = site.folder / "restore.tar.gz"

    def prepare(self) -> None:
        super().prepare()
        if not self._file.exists():
            self.site.house.command("backup", str(self._file))

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        tracer = strace.from_the_beginning(injection, self.site.log)
        self._run(*tracer, SOAPSTONE, "--home", self._home, "restore", self._file)
        return []

    def check(self) -> list[str]:
        if not (self._home / "soapstone.toml").exists():
            made = run(SOAPSTONE, "--home", self._home, "restore", self._file)
            if not (self._home / "soapstone.toml").exists():
                return [f"no home, and it cannot be restored: {made.stderr}"]
        checked = run(SOAPSTONE, "--home", self._home, "doctor")
        return [] if checked.returncode == 0 else [f"the home is not whole: {checked.stderr}"]


def _json(printed: str) -> dict[str, Any] | None:
    try:
        read: dict[str, Any] = json.loads(printed)
    except ValueError:
        return None
    return read


def _sheet_works(site: Site, sheet: dict[str, Any]) -> list[str]:
    holder = Subscriber(site.house, sheet["account"], site.folder, sheet=sheet)
    return trouble("the sheet that was printed", holder.account)


FLOWS: dict[str, Callable[[Site], Flow]] = {
    "acme": lambda site: Served(site, Subscriber.acme),
    "finalize": lambda site: Served(site, Subscriber.finalize, Subscriber.account, Subscriber.order),
    "est": lambda site: Served(site, Subscriber.est),
    "revocation": lambda site: Served(site, Subscriber.revoke, Subscriber.acme),
    "start": Start,
    "register": Register,
    "sheet": Sheet,
    "crl-publish": PublishCrl,
    "backup": Backup,
    "init": Init,
    "restore": Restore,
}
