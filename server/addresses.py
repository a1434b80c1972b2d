"""Addresses in settings: what others dial, and what is written into certificates for years."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from ca_core import names
from ca_core.errors import BadName

_LAST_PORT = 65_535
# RFC 3986, 3.3: what stands in a path as it is; what does not has to be percent-encoded.
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")


def is_address_and_port(text: str) -> bool:
    """Whether a text is such as `192.0.2.53:53` or `[::1]:53`."""
    try:
        parts = urlsplit(f"//{text}")
        ipaddress.ip_address(parts.hostname or "")
        return parts.port is not None and 1 <= parts.port <= _LAST_PORT and parts.netloc == text
    except ValueError:
        return False


def is_at_address(url: str) -> bool:
    """Whether the host of a base URL is an IP address, and no name."""
    try:
        return bool(ipaddress.ip_address(urlsplit(url).hostname or "").version)
    except ValueError:
        return False


def is_base_url(url: str, scheme: str) -> bool:
    """Whether a text is scheme, host, perhaps a port and a path, and nothing else.

    Args:
        scheme: the one that it must have, in lower case.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    in_url = f"[{host}]" if ":" in host else host
    authority = in_url if port is None else f"{in_url}:{port}"
    # The parser drops line ends and the like, and signs that nothing follows: what it has read must be all there was.
    is_whole = url.partition("://")[2].lower() == f"{authority}{parts.path}".lower()
    return (
        is_whole and parts.scheme == scheme and port != 0 and _is_host(host) and _PATH.fullmatch(parts.path) is not None
    )


def is_web_page(url: str) -> bool:
    """Whether a text is an http or https URL that a client can show: ASCII, a host, no user and no blanks."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    return is_plain and parts.scheme in {"http", "https"} and "@" not in parts.netloc and port != 0 and _is_host(host)


def _is_host(text: str) -> bool:
    try:
        # An IPv6 address with a zone means something on one machine only (RFC 4007, 6).
        return ipaddress.ip_address(text).version > 0 and "%" not in text
    except ValueError:
        pass
    try:
        return not names.dns(text).is_wildcard
    except BadName:
        return False
