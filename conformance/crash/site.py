"""The place where the plug is pulled, and what every flow does there.

A flow is prepared in the light, acted under strace, and settled: the dead home is read, the server starts again, what
was not acknowledged is asked for again, and whatever is wrong comes back as sentences.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography import x509

from conformance import stores
from conformance.crash import inspection, strace
from conformance.crash.inspection import Home
from conformance.crash.strace import Point
from conformance.crash.subscriber import Broken, Refused, Subscriber, crl
from conformance.house import House

Injection = str
WRITER = 1
"""The thread of the writing connection: it is opened first."""
_WALKS = 3


class Site:
    """One home, its server, and everybody who was promised something by it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        # A life below the renewal window: it may be renewed at once.
        self.house = House(
            folder,
            "profiles.device.validity_seconds=864000",
            'profiles.looked-at.based_on="device"',
            'profiles.looked-at.approval="always"',
            store=stores.IN_A_FILE,
        )
        self.house.start()
        self.log = folder / "strace.log"
        self.subscribers: list[Subscriber] = []
        self._numbers = itertools.count(1)
        self._crl_number = 0
        self.is_spent = False
        """Whether it is another one than before, or broken, and of no use to other flows."""

    def subscriber(self) -> Subscriber:
        """A new one, registered now."""
        made = Subscriber(self.house, f"{next(self._numbers):04}", self.folder)
        self.subscribers.append(made)
        return made

    def with_certificate(self) -> Subscriber:
        """One that holds a certificate from ACME and has not revoked it."""
        for one in self.subscribers:
            if one.promises.get("ACME certificate") and not one.promises.revoked:
                return one
        made = self.subscriber()
        made.acme()
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


class Flow(ABC):
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

    def prepare(self) -> None:  # noqa: B027  # most flows begin where they are
        """Come to the point where the flow begins."""

    @abstractmethod
    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        """Do what the flow does, with a fault at one point; what went wrong, in sentences."""

    @abstractmethod
    def settle(self) -> list[str]:
        """Look whether everything that was promised is there; what is not, in sentences."""

    def walk(self, name: str) -> list[Point]:
        """Walk the flow with nothing injected; every point that it passes, in order."""
        for _ in range(_WALKS):
            self.prepare()
            tids = [] if self.traced_from_the_beginning else strace.threads(self.site.house.pid)
            broken = self.act(strace.COUNT_ONLY, thread=None)
            calls = strace.walked(self.site.log)
            broken += self.settle()
            assert not broken, broken
            if self.traced_from_the_beginning:
                return _points(name, calls, _busiest(calls))
            # Two background jobs that meet for the first time make a thread; then the walk is walked anew.
            if {tid for tid, _ in calls} <= set(tids):
                # What the reading threads do is as often as the scheduler likes, and changes nothing.
                places = {(tids[place], call): place for place in (0, WRITER) for call in strace.CALLS}
                return _points(name, calls, places)
        raise AssertionError("a thread is made each time, and its calls are not covered")

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
