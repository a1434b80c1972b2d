"""The server dies: while it serves subscribers, or while it starts and has much to make good."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import ClassVar

from conformance.crash import inspection, strace
from conformance.crash.inspection import Home
from conformance.crash.site import WRITER, Flow, Injection, Site, trouble
from conformance.crash.strace import Point
from conformance.crash.subscriber import GONE, PATIENCE_SECONDS, Broken, Refused, Subscriber, await_crl, crl

_AFTER_READY_SECONDS = 0.6
"""Long enough for every worker's first turn, which comes right after the doors opened."""
_RETRY_SECONDS = 0.2
_ATTEMPTS = 4


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
    """A start that has everything to do: an intention to finish, a CRL to publish, and its own certificates to get.

    Those are the server's for TLS and the OCSP responder's; with their files gone both are issued anew.
    """

    traced_from_the_beginning = True
    _intended: ClassVar[list[Point]] = []
    """Where a finalize has just made its intention durable; found once, for all sites."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._subscriber: Subscriber
        self._revoked: Subscriber
        self._dead: Home
        self._signed: set[str] = set()

    def prepare(self) -> None:
        self._revoked = self.site.with_certificate()
        self._leave_intention()
        for _ in range(_ATTEMPTS):
            if self.has_intention:
                break
            self.site.house.start()
            self._leave_intention()
        for own in (self.site.house.home / "tls").glob("*.pem"):
            own.unlink()

    def _leave_intention(self) -> None:
        """Kill the server when it has just made an intention durable, before its thread tells the others."""
        finalize = Served(self.site, Subscriber.finalize, Subscriber.account, Subscriber.order)
        if not self._intended:
            writes = [point for point in finalize.walk("finalize") if point.thread == WRITER]
            commit = next(place for place, point in enumerate(writes) if point.call == "fdatasync")
            self._intended.append(writes[commit + 1])
        point = self._intended[-1]
        finalize.prepare()
        # The CRL follows within seconds, or at the start: the kill comes sooner.
        self._revoked.give_up()
        finalize.act(point.kill, thread=WRITER)
        self._subscriber = finalize.subscriber
        self._dead, self._signed = self.site.cut()
        if not self.has_intention:
            # The journal's own commit came between; it is counted anew.
            self._intended.clear()

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
