"""The operator's file of keys that nobody gets a certificate for."""

from __future__ import annotations

from pathlib import Path

from ca_core.errors import Misconfigured
from ca_core.policy.blocklist import MAX_OCTETS, NOTHING_BLOCKED, Blocklist, parse


def read(path: str, home: Path) -> Blocklist:
    """Read what the setting `keys.blocklist` names, relative to the home; without it nothing is blocked.

    Raises:
        Misconfigured: it cannot be read, is too large, or names the line that is no digest.
    """
    if not path:
        return NOTHING_BLOCKED
    try:
        with (home / path).open("rb") as file:
            content = file.read(MAX_OCTETS + 1)
    except OSError as error:
        why = f"cannot read {home / path}: {error.strerror}"
        raise Misconfigured(f"keys.blocklist: {why}; put the file there, or remove the setting") from None
    return parse(content, f"keys.blocklist: {home / path}")
