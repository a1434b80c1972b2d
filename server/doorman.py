"""How many connections a listener takes: in all, and from one address. They are counted before anything is read."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import resource
import socket
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from ca_core.networks import is_within

_LOG = logging.getLogger("soapstone.http")
_LET_IN_AT_ONCE = 16
_TURNED_AWAY_AT_ONCE = 64
_LOG_SECONDS = 10
_OTHER_FILES = 200
_STALLED_MS = 60_000
_IPV6_PREFIX = 64
_REMEMBERED = 1024


class Room(msgspec.Struct, frozen=True):
    """How many connections there may be.

    Attributes:
        trusted: networks of proxies, whose connections are many clients'; they are counted in all only.
    """

    in_all: int
    per_address: int
    trusted: tuple[str, ...] = ()


class Doorman:
    """Counts who is in."""

    def __init__(self, name: str, room: Room) -> None:
        self._name = name
        self._room = room
        self._in_all = 0
        self._by_source: Counter[str] = Counter()
        self._turned_away = 0

    @property
    def inside(self) -> int:
        """How many are in."""
        return self._in_all

    def admit(self, address: str) -> Callable[[], None] | None:
        """Let one in; call what comes back when it leaves. None: there is no room."""
        source = _source(address)
        is_crowd = self._by_source[source] >= self._room.per_address and not is_within(address, self._room.trusted)
        if is_crowd or self._in_all >= self._room.in_all:
            self._note(address, "connections-from-there" if is_crowd else "connections")
            return None
        self._in_all += 1
        self._by_source[source] += 1
        return lambda: self._leave(source)

    def _leave(self, source: str) -> None:
        self._in_all -= 1
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]

    def _note(self, address: str, why: str) -> None:
        """Say so, and for how many since: a line for each would be what a flood is after."""
        if not self._turned_away:
            _LOG.warning("event=turned-away listener=%s address=%s too-many=%s", self._name, address, why)
            asyncio.get_running_loop().call_later(_LOG_SECONDS, self._sum_up)
        self._turned_away += 1

    def _sum_up(self) -> None:
        if self._turned_away > 1:
            _LOG.warning("event=turned-away listener=%s count=%d", self._name, self._turned_away)
        self._turned_away = 0


class Door(socket.socket):
    """A listening socket with a doorman: who is turned away is never seen by asyncio."""

    def __init__(self, address: str, port: int, doorman: Doorman, *, shares_port: bool = False) -> None:
        """Bind it.

        Args:
            shares_port: whether other processes have doors of their own there; the system says who comes to which.

        Raises:
            OSError: the port is in use, or may not be opened.
        """
        is_v6 = ipaddress.ip_address(address).version == 6  # noqa: PLR2004  # IPv6 is its name
        self._family = socket.AF_INET6 if is_v6 else socket.AF_INET
        super().__init__(self._family, socket.SOCK_STREAM)
        self._doorman = doorman
        self._let_in = 0
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shares_port:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if is_v6:
                self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.bind((address, port))
        except OSError:
            self.close()
            raise

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection for which there is room.

        Raises:
            BlockingIOError: nobody waits, or so many were turned away that others should have their turn.
        """
        # asyncio takes all who wait in one go, and nothing else has its turn meanwhile. It comes back at once.
        for _ in range(_TURNED_AWAY_AT_ONCE if self._let_in < _LET_IN_AT_ONCE else 0):
            try:
                came, address = super().accept()
            except BlockingIOError:
                break
            leave = self._doorman.admit(address[0])
            if leave is not None:
                self._let_in += 1
                return _Seat(self._family, came, leave), address
            came.close()
        self._let_in = 0
        raise BlockingIOError


class _Seat(socket.socket):
    """A connection that says when it ends."""

    def __init__(self, family: socket.AddressFamily, came: socket.socket, leave: Callable[[], None]) -> None:
        super().__init__(family, socket.SOCK_STREAM, came.proto, fileno=came.detach())
        self._leave: Callable[[], None] | None = leave
        # Who takes nothing of what is sent holds its place no longer than this; asyncio would wait for ever.
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS)

    def close(self) -> None:
        """Once, whoever calls it how often."""
        super().close()
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


def capacity(wanted: int, listeners: int) -> int:
    """How many connections each listener can have, as far as the system lets this process open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted * listeners + _OTHER_FILES
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    each = max(1, (soft - _OTHER_FILES) // listeners)
    _LOG.warning("event=few-files limit=%d connections=%d: raise it (ulimit -n, LimitNOFILE=)", soft, each)
    return each


@lru_cache(maxsize=_REMEMBERED)
def _source(address: str) -> str:
    """Who one counts as: of IPv6, everybody has a /64 at least."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
