"""A name server on a loopback port, over UDP and TCP: what it says can change at any time, and it can misbehave.

It answers as a recursive resolver does: aliases that it knows are followed. `acme.resolvers` takes its `address`.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections import Counter
from enum import Flag, auto
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

_LARGEST_DATAGRAM = 1232
_LARGEST_MESSAGE = 65_535
_MOST_ALIASES = 32
_POLL_SECONDS = 0.05
_SLOW_SECONDS = 2.0
_TRIES_FOR_A_PORT = 50
_ANY = "*"


class Hostile(Flag):
    """What a name can be told to do to whoever asks for it."""

    NOTHING = 0
    SILENT = auto()
    """No answer at all, over UDP and TCP."""
    SERVFAIL = auto()
    REFUSED = auto()
    TRUNCATED = auto()
    """Over UDP every answer says that it was cut off; over TCP it is whole."""
    CUT = auto()
    """Over UDP cut off, and over TCP nobody answers."""
    GARBAGE = auto()
    """Bytes that are no DNS message."""
    FORGED = auto()
    """The answer to another question, as one who guesses sends it."""
    SLOW = auto()
    """The answer comes after two seconds."""
    UNSIGNED = auto()
    """The answer is never called authentic, whatever the server says of others."""
    LAZY = auto()
    """Aliases are named and not followed."""


class Responder:
    """One name server with one zone of everything.

    Names are written without the final dot and found whatever their case; `*.example` answers for everything below
    `example` that is not there itself, and `*` for everything. Values are as in a zone file; a TXT value is quoted
    here and cut into strings of 255 octets.

    Attributes:
        authentic: whether answers carry the AD flag, as those of a validating resolver do where it validated.
        asked: how often which name and type was asked for.
        asked_over_tcp: of these, over TCP.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.authentic = False
        self.asked: Counter[tuple[str, str]] = Counter()
        self.asked_over_tcp: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self._hostile: dict[str, Hostile] = {}
        self._closing = threading.Event()
        self._udp, self._tcp = _servers(host, self)
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
            for server in (self._udp, self._tcp)
        ]

    @property
    def address(self) -> str:
        """`address:port`, as `acme.resolvers` takes it."""
        host, port = self._udp.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._closing.set()
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, name: str, kind: str, *values: str) -> None:
        """Say also this of a name; no value at all means that the name is there, without such records."""
        with self._lock:
            turns = self._records.setdefault((name.lower(), kind), [()])
            turns[-1] = (*turns[-1], *values)

    def put(self, name: str, kind: str, *turns: tuple[str, ...]) -> None:
        """Say this and nothing else of a name: the first time the first turn, and from then on the last one."""
        with self._lock:
            self._records[name.lower(), kind] = list(turns)

    def remove(self, name: str, kind: str | None = None) -> None:
        """Forget one kind of records, or all, and what the name was told to do."""
        with self._lock:
            for key in [key for key in self._records if key[0] == name.lower() and kind in {None, key[1]}]:
                del self._records[key]
            if kind is None:
                self._hostile.pop(name.lower(), None)

    def clear(self) -> None:
        """Forget everything, also what was asked."""
        with self._lock:
            self._records.clear()
            self._hostile.clear()
            self.asked.clear()
            self.asked_over_tcp.clear()

    def misbehave(self, name: str, how: Hostile) -> None:
        """Have a name do this to everybody who asks, also where it has records; `*` means every name."""
        with self._lock:
            self._hostile[name.lower()] = how

    def answer(self, wire: bytes, *, over_tcp: bool) -> bytes | None:
        """The answer to one message; None when there is none."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        with self._lock:
            how = self._hostile.get(name, self._hostile.get(_ANY, Hostile.NOTHING))
            self.asked[name, kind] += 1
            self.asked_over_tcp[name, kind] += over_tcp
            reply = self._reply(query, name, kind, how)
        return self._sent(reply, how, over_tcp=over_tcp)

    def _reply(self, query: dns.message.Message, name: str, kind: str, how: Hostile) -> dns.message.Message:
        reply = dns.message.make_response(query, recursion_available=True)
        if self.authentic and Hostile.UNSIGNED not in how:
            reply.flags |= dns.flags.AD
        failures = {Hostile.SERVFAIL: dns.rcode.SERVFAIL, Hostile.REFUSED: dns.rcode.REFUSED}
        for failure, rcode in failures.items():
            if failure in how:
                reply.set_rcode(rcode)
                return reply
        rcode = dns.rcode.NOERROR
        for _ in range(_MOST_ALIASES):
            owner, rcode = name, self._rcode(name)
            if values := self._values(name, kind):
                reply.answer.append(_rrset(owner, kind, values))
                break
            aliases = self._values(name, "CNAME") if kind != "CNAME" else ()
            if not aliases:
                break
            reply.answer.append(_rrset(owner, "CNAME", aliases))
            name = aliases[0].removesuffix(".").lower()
            if Hostile.LAZY in how:
                break
        reply.set_rcode(rcode)
        return reply

    def _values(self, name: str, kind: str) -> tuple[str, ...]:
        turns = next((self._records[place, kind] for place in self._places(name) if (place, kind) in self._records), [])
        if len(turns) > 1:
            return turns.pop(0)
        return turns[0] if turns else ()

    def _places(self, name: str) -> list[str]:
        """Where the records of a name are looked for: under itself, or else under what stands for it."""
        if any(known == name for known, _ in self._records):
            return [name]
        labels = name.split(".")
        return [".".join((_ANY, *labels[start:])) for start in range(1, len(labels))] + [_ANY]

    def _rcode(self, name: str) -> dns.rcode.Rcode:
        places = self._places(name)
        is_there = any(known in places or known.endswith(f".{name}") for known, _ in self._records)
        return dns.rcode.NOERROR if is_there else dns.rcode.NXDOMAIN

    def _sent(self, reply: dns.message.Message, how: Hostile, *, over_tcp: bool) -> bytes | None:
        if Hostile.SLOW in how:
            self._closing.wait(_SLOW_SECONDS)
        if Hostile.SILENT in how or (Hostile.CUT in how and over_tcp):
            return None
        if Hostile.GARBAGE in how:
            return b"\x00" * 7
        if Hostile.FORGED in how:
            reply.id = (reply.id + 1) % (1 << 16)
        if not over_tcp and how & (Hostile.TRUNCATED | Hostile.CUT):
            reply.answer.clear()
            reply.flags |= dns.flags.TC
        if over_tcp:
            return reply.to_wire(max_size=_LARGEST_MESSAGE)
        try:
            return reply.to_wire(max_size=_LARGEST_DATAGRAM)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()


def _rrset(owner: str, kind: str, values: tuple[str, ...]) -> dns.rrset.RRset:
    texts = [_quoted(value) if kind == "TXT" else value for value in values]
    return dns.rrset.from_text(f"{owner}.", 0, "IN", kind, *texts)


def _quoted(value: str) -> str:
    if value.startswith('"'):
        return value
    pieces = [value[start : start + 255] for start in range(0, len(value), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


class _Datagram(socketserver.BaseRequestHandler):
    server: _UdpServer

    def handle(self) -> None:
        wire, sending = self.request
        if answer := self.server.responder.answer(wire, over_tcp=False):
            sending.sendto(answer, self.client_address)


class _Stream(socketserver.BaseRequestHandler):
    server: _TcpServer

    def handle(self) -> None:
        self.request.settimeout(_SLOW_SECONDS)
        try:
            (length,) = struct.unpack("!H", self._exactly(2))
            if answer := self.server.responder.answer(self._exactly(length), over_tcp=True):
                self.request.sendall(struct.pack("!H", len(answer)) + answer)
        except (OSError, struct.error):
            return

    def _exactly(self, octets: int) -> bytes:
        data = b""
        while len(data) < octets and (more := self.request.recv(octets - len(data))):
            data += more
        return data


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    responder: Responder


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    responder: Responder


def _servers(host: str, responder: Responder) -> tuple[_UdpServer, _TcpServer]:
    """Two servers on one port: the kernel chooses it for UDP, and perhaps somebody has it for TCP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for server in (_UdpServer, _TcpServer):
        server.address_family = family
    for _ in range(_TRIES_FOR_A_PORT):
        udp = _UdpServer((host, 0), _Datagram)
        try:
            tcp = _TcpServer((host, udp.server_address[1]), _Stream)
        except OSError:
            udp.server_close()
            continue
        udp.responder = tcp.responder = responder
        return udp, tcp
    raise AssertionError("there is no port that is free for UDP and for TCP")
