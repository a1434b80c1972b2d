"""The system's own way of looking names up, where an operator has named no resolvers: what it does beside."""

from __future__ import annotations

import re
import socket
from pathlib import Path

RESOLV_CONF = Path("/etc/resolv.conf")

_COMMENT = re.compile(r"[#;].*")
_KEYWORDS = ("search", "domain")


def searched() -> tuple[str, ...]:
    """The domains in which this machine looks for a name that is not there."""
    try:
        text = RESOLV_CONF.read_text("utf-8", "replace")
    except OSError:
        text = ""
    return search_list(text, hostname=socket.gethostname())


def search_list(text: str, *, hostname: str) -> tuple[str, ...]:
    """The search list by a resolv.conf: its last line that sets one, else the machine's own domain (resolv.conf(5)).

    Args:
        text: of the file; empty where there is none.
        hostname: the machine's name, with its domain or without.
    """
    found = [hostname.partition(".")[2]]
    for line in text.splitlines():
        keyword, *domains = _COMMENT.sub("", line).split() or [""]
        if keyword in _KEYWORDS and domains:
            found = domains if keyword == "search" else domains[:1]
    # The root in a list stands for the name as it is.
    return tuple(one for one in (domain.strip(".") for domain in found) if one)
