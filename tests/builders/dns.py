"""A name server on a loopback port, whose answers may change from question to question."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`: by name, the lists of addresses of the first question, the second, and so on.

    The last list repeats. A name that is not in the zone does not exist; one with an empty sequence gets no
    answer at all.
    """

    def __init__(self, zone: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.zone = zone
        self.asked: Counter[tuple[str, str]] = Counter()
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The event loop's own class is no subclass of DatagramTransport before Python 3.12.
        self.transport = cast("asyncio.DatagramTransport", transport)
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        turn = self.asked[name, kind]
        self.asked[name, kind] += 1
        if name not in self.zone:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif not self.zone[name]:
            return
        else:
            lists = self.zone[name]
            addresses = lists[min(turn, len(lists) - 1)]
            fitting = [one for one in addresses if (":" in one) == (kind == "AAAA")]
            if fitting:
                reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", kind, *fitting))
        self.transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def name_server(zone: Mapping[str, Sequence[Sequence[str]]]) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(zone), local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
