"""Mail servers on this machine: one that takes mail, with TLS and login as it is told, and one that hangs up."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Mailbox:
    """Keeps what comes, after what it is told to answer first.

    Args:
        rcpt, data: answers to give, each once, before mail is taken.
    """

    def __init__(self, *, rcpt: tuple[str, ...] = (), data: tuple[str, ...] = ()) -> None:
        self._rcpt, self._data = list(rcpt), list(data)
        self.got: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.users: list[bytes] = []

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self._rcpt:
            return self._rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # as above
        if self._data:
            return self._data.pop(0)
        content = cast("bytes", envelope.content)
        self.got.append(message_from_bytes(content, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    def log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        """Let in whose password is `secret`."""
        self.users.append(data.login)
        return AuthResult(success=data.password == b"secret", handled=False)


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, starts_tls: bool = True, needs_login: bool = False
) -> AsyncIterator[int]:
    """Serve it for the length of the block; yields the port.

    Args:
        starts_tls: with `tls`: after STARTTLS, instead of from the first octet.
    """

    def serve() -> SMTP:
        with warnings.catch_warnings():
            # It does not see the TLS that is there from the first octet, and warns of a login without.
            warnings.simplefilter("ignore")
            return SMTP(
                mailbox,
                hostname="mail.example",
                tls_context=tls if starts_tls else None,
                require_starttls=tls is not None and starts_tls,
                authenticator=mailbox.log_in,
                auth_required=needs_login,
                auth_require_tls=starts_tls,
            )

    implicit = None if starts_tls else tls
    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0, ssl=implicit)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def hanging_up() -> AsyncIterator[int]:
    """A mail server that goes away in the middle of DATA; yields the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readline()
                break
            writer.write(b"250 OK\r\n")
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def server_tls(pem: str) -> ssl.SSLContext:
    """A server's TLS from a file that holds key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
