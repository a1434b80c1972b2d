"""tls-alpn-01 over the network (RFC 8737, 3; RFC 8738, 6)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import ExitStack

from protocols.acme import alpn
from protocols.acme.probes import Question, Seen
from server.probes.policy import MAX_ADDRESSES_TRIED, Address, ProbePolicy, Unseen, why_not
from server.probes.resolving import Resolving

_IPV4 = 4


class TlsAlpn01:
    """Opens one TLS connection, looks at the certificate, and says nothing more."""

    problem_of_timeout = "connection"

    def __init__(self, policy: ProbePolicy, resolving: Resolving) -> None:
        self._policy = policy
        self._resolving = resolving

    def label(self, question: Question) -> str:
        """What is looked at, as users are told of it."""
        return f"{question.identifier.value} on port {self._policy.tls_alpn_01_port}"

    async def look(self, question: Question) -> Seen:
        """See whether `acme-tls/1` is spoken there, and by whose certificate.

        Raises:
            Unseen: no handshake came about.
        """
        name = question.identifier.value
        connection, asked = await self._connected(name, await self._resolving.addresses(name, name))
        der, protocol = await _shaken(connection, asked, alpn.server_name(question.identifier))
        if protocol != alpn.PROTOCOL:
            return _unmet(f"{asked} did not agree to the protocol {alpn.PROTOCOL}")
        if why := alpn.objection(der, question.identifier, question.key_authorization):
            return _unmet(f"{asked}: the certificate {why}")
        return Seen(proved=True)

    async def _connected(self, name: str, addresses: tuple[Address, ...]) -> tuple[socket.socket, str]:
        """A connection to the first address that may be dialled and takes one."""
        port = self._policy.tls_alpn_01_port
        failures, is_final = [], True
        for address in addresses[:MAX_ADDRESSES_TRIED]:
            asked = f"{name} at {address}, port {port}"
            if why := why_not(address, port, self._policy):
                failures.append(f"{asked}, is not dialled, for it is {why}")
                continue
            try:
                return await _dialled(address, port, self._policy.connect_seconds), asked
            except OSError:
                failures.append(f"{asked}, took no connection")
                is_final = False
        raise Unseen("connection", "; ".join(failures), is_final=is_final)


async def _dialled(address: Address, port: int, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_INET if address.version == _IPV4 else socket.AF_INET6)
    connection.settimeout(0)
    with ExitStack() as leaving:
        leaving.callback(connection.close)
        # The time that is over is an OSError too, since Python 3.11.
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
        leaving.pop_all()
    return connection


async def _shaken(connection: socket.socket, asked: str, server_name: str) -> tuple[bytes, str | None]:
    """The certificate in DER and the protocol that were agreed on; the connection is over then."""
    with ExitStack() as leaving:
        leaving.callback(connection.close)
        try:
            _, writer = await asyncio.open_connection(sock=connection, ssl=_tls(), server_hostname=server_name)
        except ssl.SSLError:
            raise Unseen("tls", f"{asked} failed in the TLS handshake") from None
        except OSError:
            raise Unseen("connection", f"{asked} ended the connection in the TLS handshake") from None
        leaving.pop_all()
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    der, protocol = tls.getpeercert(binary_form=True) or b"", tls.selected_alpn_protocol()
    # RFC 8737, 3: nothing is exchanged afterwards. Waiting for the other end's farewell would be up to it.
    writer.transport.abort()
    return der, protocol


def _tls() -> ssl.SSLContext:
    # What is proved is who can answer at this address with what the key authorization says; the certificate is
    # self-signed by definition and is judged by `alpn.objection`.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([alpn.PROTOCOL])
    return context


def _unmet(detail: str) -> Seen:
    return Seen(proved=False, problem="incorrectResponse", detail=detail)
