"""Handing mail to a mail server (RFC 5321), and what it says of it: taken, not now, or never."""

from __future__ import annotations

import ssl
from email.message import EmailMessage

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from ca_core.notices.outbox import NotEver, NotNow
from ca_core.secret import Secret
from server.setting_tables import Mail

_SECONDS = 30
_PERMANENT = range(500, 600)


class MailServer:
    """The one of `[mail]`; each message has a connection of its own.

    Args:
        tls: how the mail server proves itself.
    """

    def __init__(self, mail: Mail, password: Secret | None, tls: ssl.SSLContext) -> None:
        self._mail = mail
        self._password = password
        self._tls = tls

    async def take(self, message: EmailMessage, *, recipient: str) -> None:
        """Hand one message over.

        Raises:
            NotNow: the mail server is away, busy, or wants another login or sender than it is given.
            NotEver: it refuses the recipient or the message for good.
        """
        mail = self._mail
        try:
            await aiosmtplib.send(
                message,
                sender=mail.sender,
                recipients=[recipient],
                hostname=mail.host,
                port=mail.port,
                # Otherwise name servers would be asked for this machine's name.
                local_hostname=mail.sender.rpartition("@")[2],
                username=mail.username or None,
                password=self._password.reveal() if self._password else None,
                use_tls=mail.security == "tls",
                # Never "if it can be had": who sits between would say that it cannot.
                start_tls=mail.security == "starttls",
                tls_context=None if mail.security == "none" else self._tls,
                timeout=_SECONDS,
            )
        except SMTPRecipientsRefused as refused:
            _judge(refused.recipients[0], refused)
        except SMTPDataError as refused:
            _judge(refused, refused)
        except SMTPResponseException as refused:
            # Of greeting, login and sender: it is about us, and mended in the settings.
            raise NotNow(f"{refused.code} {refused.message}") from refused
        except (SMTPException, OSError) as error:
            raise NotNow(f"{type(error).__name__}: {error}") from error


def _judge(answer: SMTPResponseException, cause: Exception) -> None:
    """RFC 5321, 4.2.1: of what begins with 5 another try gets the same."""
    said = f"{answer.code} {answer.message}"
    if answer.code in _PERMANENT:
        raise NotEver(said) from cause
    raise NotNow(said, is_channel=False) from cause
