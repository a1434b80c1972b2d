"""Identifiers: parse, bring to normal form, compare (RFC 5280, 4.2.1.6; RFC 8555, 7.1.3; RFC 8738)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from urllib.parse import urlsplit

import idna
import msgspec

from ca_core.errors import BadName

MAX_DNS_OCTETS = 253
MAX_EMAIL_OCTETS = 254
MAX_URI_OCTETS = 2000
_A_LABEL_PREFIX = "xn--"
_REMEMBERED_LABELS = 4096
_REMEMBERED_NAMES = 4096
_REMEMBERED_IN_A_REQUEST = 256
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PERMANENT = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class Kind(StrEnum):
    """What an identifier names. The values are those of ACME's identifier types where there is one."""

    DNS = "dns"
    IP = "ip"
    EMAIL = "email"
    URI = "uri"
    PERMANENT = "permanent-identifier"


class Identifier(msgspec.Struct, frozen=True, order=True):
    """One name in its normal form, so that equality is plain equality."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        """Such as `dns:www.example.com`, as errors and the journal show it."""
        return f"{self.kind}:{self.value}"

    @property
    def is_wildcard(self) -> bool:
        """Whether it is a DNS name that starts with `*.`."""
        return self.kind is Kind.DNS and self.value.startswith("*.")


@lru_cache(maxsize=_REMEMBERED_NAMES)
def dns(text: str) -> Identifier:
    """Parse a DNS name in preferred syntax, perhaps with one leading `*.` label.

    Upper case is refused rather than mended by `parse` in protocols that demand lower case; here the caller
    has said that the text is in normal form.

    Raises:
        BadName: not ASCII, too long, an empty or over-long label, a trailing dot, an `xn--` that is no A-label
            (RFC 5890, 2.3.2.1), or an address.
    """
    host = text.removeprefix("*.")
    if not text.isascii():
        raise BadName(f"DNS name {text[:80]!r} is not ASCII; write an internationalized name as its A-label (xn--...)")
    if len(text) > MAX_DNS_OCTETS or not host or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise BadName(f"{text[:80]!r} is not a DNS name in lower-case preferred syntax")
    for label in host.split("."):
        if label.startswith(_A_LABEL_PREFIX) and not _is_a_label(label):
            raise BadName(f"{text[:80]!r} has a label that spells no internationalized one: {label}")
    if host.rsplit(".", 1)[-1].isdigit():
        raise BadName(f"{text[:80]!r} is an address or ends in a number; name an address as an IP identifier")
    return Identifier(Kind.DNS, text)


# 0.1 ms a label, and an order may have a thousand of them.
@lru_cache(maxsize=_REMEMBERED_LABELS)
def _is_a_label(label: str) -> bool:
    # RFC 8555, 7.1.4: what no U-label is spelled as could be shown as anything by what decodes it.
    try:
        spelled = idna.ulabel(label)
    except idna.IDNAError:
        return False
    # Not `idna.alabel`, which would judge the U-label once more.
    return _A_LABEL_PREFIX + spelled.encode("punycode").decode("ascii") == label


def ip(text: str) -> Identifier:
    """Parse an address in the textual form of RFC 8738, section 3.

    Raises:
        BadName: not an address, or not in the canonical form of RFC 5952.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadName(f"{text[:80]!r} is not an IP address") from None
    # The zone of a link-local address is a matter of one host (RFC 4007, 11), and no certificate has room for it.
    if getattr(address, "scope_id", None) is not None:
        raise BadName(f"{text[:80]!r} names a zone of its host; leave out what follows the percent sign")
    if str(address) != text:
        raise BadName(f"{text[:80]!r} is not in canonical form; write {address}")
    return Identifier(Kind.IP, text)


def email(text: str) -> Identifier:
    """Parse a mailbox with an ASCII local part (RFC 5280, 4.2.1.6); its domain is compared in lower case.

    Raises:
        BadName: no mailbox.
    """
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or len(text) > MAX_EMAIL_OCTETS:
        raise BadName(f"{text[:80]!r} is not an e-mail address")
    return Identifier(Kind.EMAIL, f"{local}@{dns(domain.lower()).value}")


def uri(text: str) -> Identifier:
    """Parse an absolute URI in ASCII (RFC 5280, 4.2.1.6).

    Raises:
        BadName: relative, not ASCII, with blanks, or too long.
    """
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if not scheme or not text.isascii() or not text.isprintable() or " " in text or len(text) > MAX_URI_OCTETS:
        raise BadName(f"{text[:80]!r} is not an absolute URI")
    return Identifier(Kind.URI, text)


def permanent(text: str) -> Identifier:
    """Parse a device's permanent identifier (RFC 4043) as 1 to 128 printable characters without blanks.

    Raises:
        BadName: empty, too long or with other characters.
    """
    if not _PERMANENT.fullmatch(text):
        raise BadName(f"{text[:80]!r} is not a permanent identifier")
    return Identifier(Kind.PERMANENT, text)


PARSERS: dict[Kind, Callable[[str], Identifier]] = {
    Kind.DNS: dns,
    Kind.IP: ip,
    Kind.EMAIL: email,
    Kind.URI: uri,
    Kind.PERMANENT: permanent,
}


def parse(kind: str, text: str) -> Identifier:
    """Parse by the name of the kind.

    Raises:
        BadName: an unknown kind, or a text that is not of that kind in its normal form.
    """
    try:
        parser = PARSERS[Kind(kind)]
    except ValueError:
        raise BadName(f"identifier type {kind[:40]!r} is not known here") from None
    return parser(text)


# Here and below: several ask in one request.
@lru_cache(maxsize=_REMEMBERED_IN_A_REQUEST)
def above(name: Identifier) -> tuple[str, ...]:
    """The zones that a DNS name lies in, the nearest first; never the name itself."""
    labels = name.value.split(".")
    return tuple(".".join(labels[start:]) for start in range(1, len(labels)))


def is_below(name: Identifier, ancestor: Identifier) -> bool:
    """Whether a DNS name, or a wildcard, lies below another DNS name; never the name itself."""
    return name.kind is ancestor.kind is Kind.DNS and name.value.endswith(f".{ancestor.value}")


@lru_cache(maxsize=_REMEMBERED_IN_A_REQUEST)
def canonical(names: frozenset[Identifier]) -> str:
    """One spelling of a set of names, for indexes: sorted, one a line."""
    return "\n".join(sorted(str(name) for name in names))


def from_canonical(text: str) -> frozenset[Identifier]:
    """What `canonical` wrote, as a set again."""
    pairs = (line.partition(":") for line in text.splitlines())
    return frozenset(Identifier(Kind(kind), value) for kind, _, value in pairs)
