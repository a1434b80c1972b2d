"""What an operator may set about notices: whether it makes sense, and what it refers to."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from ca_core import names
from ca_core.errors import BadName, Misconfigured
from ca_core.notices.notice import HOOKED
from ca_core.registration.account import MAIN, checked_realm
from server.setting_tables import Mail, Webhook

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LAST_PORT = 65_535
_MOST_PER_MINUTE = 100_000


def check(mail: Mail, webhooks: Mapping[str, Webhook]) -> None:
    """Refuse what makes no sense.

    Raises:
        Misconfigured: says which setting, and what it should be.
    """
    if mail != Mail():
        _check_mail(mail)
    for name, hook in webhooks.items():
        _check_hook(name, hook)


def tls_context(key: str, trust_anchors: str, home: Path) -> ssl.SSLContext:
    """How the other side proves itself: by a public CA, or by those of a file where it has one.

    Raises:
        Misconfigured: the file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=str(home / trust_anchors) if trust_anchors else None)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"{key}: cannot read {home / trust_anchors}: {error.strerror or error}") from None


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Have what is wrong in the block be said of a setting: whoever reads it has several secrets."""
    try:
        yield
    except Misconfigured as error:
        raise Misconfigured(f"{key}: {error}") from None


def _check_mail(mail: Mail) -> None:
    if not mail.host or not mail.sender:
        raise Misconfigured("mail.host and mail.sender belong together; set both, or take the table [mail] out")
    if not mail.host.isascii() or not mail.host.isprintable() or " " in mail.host:
        raise Misconfigured("mail.host must be an address, or a DNS name in ASCII")
    if not 1 <= mail.port <= _LAST_PORT:
        raise Misconfigured(f"mail.port must be from 1 to {_LAST_PORT}")
    try:
        names.email(mail.sender)
    except BadName as error:
        raise Misconfigured(f"mail.sender: {error}") from None
    if mail.security == "none" and not _is_loopback(mail.host):
        raise Misconfigured(
            'mail.security = "none" is for a mail server on this machine only, such as 127.0.0.1; write "starttls" or'
            ' "tls"'
        )
    if bool(mail.username) is not bool(mail.password):
        raise Misconfigured("mail.username and mail.password belong together; set both, or neither")
    if not 1 <= mail.per_minute <= _MOST_PER_MINUTE:
        raise Misconfigured(f"mail.per_minute must be from 1 to {_MOST_PER_MINUTE}")
    _check_file("mail.trust_anchors", mail.trust_anchors)


def _check_hook(name: str, hook: Webhook) -> None:
    key = f"webhooks.{name[:40]}"
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{key}: a webhook's name is 1 to 32 of a-z, 0-9 and -")
    if not _is_https(hook.url):
        raise Misconfigured(f"{key}.url: {hook.url[:200]!r} is not a URL such as https://shop.example/hooks/ca")
    known = ", ".join(sorted(HOOKED))
    for event in hook.events:
        if event not in HOOKED:
            raise Misconfigured(f"{key}.events: {event[:80]!r} is none of {known}")
    if not hook.events:
        raise Misconfigured(f"{key}.events must name some of {known}")
    try:
        checked_realm(hook.realm or MAIN)
    except BadName as error:
        raise Misconfigured(f"{key}.realm: {error}") from None
    for network in hook.networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise Misconfigured(f"{key}.networks: {network[:80]!r} is not a network such as 10.0.0.0/8") from None
    _check_file(f"{key}.trust_anchors", hook.trust_anchors)


def _check_file(key: str, path: str) -> None:
    if "\0" in path:
        raise Misconfigured(f"{key}: {path[:200]!r} is not the name of a file")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url and not parts.fragment
    return is_plain and parts.scheme == "https" and bool(parts.hostname) and not parts.username and port != 0
