"""What an operator may set about passwords and sessions: whether it makes sense, and the file that it refers to."""

from __future__ import annotations

from pathlib import Path

from ca_core.errors import Misconfigured
from ca_core.registration.password_policy import MOST_BLOCKED_OCTETS, NOTHING_BLOCKED, Blocklist, parse_blocklist
from server.addresses import is_at_address
from server.setting_tables import GateKind, Officers, Passwords, Portal, SecondFactor, Sessions

_BOUNDS = {
    # Less than the least that OWASP asks for is a check turned off; more than this, a server that nobody can use.
    ("passwords", "memory_kib"): (19_456, 1 << 20),
    ("passwords", "passes"): (2, 100),
    ("sessions", "idle_minutes"): (1, 24 * 60),
    ("sessions", "longest_hours"): (1, 7 * 24),
}


def check(passwords: Passwords, sessions: Sessions, officers: Officers, desk: str) -> None:
    """Refuse what makes no sense.

    Args:
        desk: the base URL of the desk.

    Raises:
        Misconfigured: says which setting, and what it should be.
    """
    for (table, key), (least, most) in _BOUNDS.items():
        if not least <= getattr(passwords if table == "passwords" else sessions, key) <= most:
            raise Misconfigured(f"{table}.{key} must be from {least} to {most}")
    if officers.passkey is SecondFactor.REQUIRED and is_at_address(desk):
        raise Misconfigured(
            f"officers.passkey: browsers keep passkeys for names, and {desk} is reached by an address; give the desk a"
            " name (host, or desk_url)"
        )


def check_portal(portal: Portal, *, is_development: bool) -> None:
    """Refuse a portal whose passwords any program may try.

    Raises:
        Misconfigured: says what to do.
    """
    if portal.gate is GateKind.OFF and not is_development:
        raise Misconfigured(
            "portal.gate: without a gate any program may try passwords, which is for a development home only; write"
            ' "proof-of-work" or "picture"'
        )


def read_blocklist(path: str, home: Path) -> Blocklist:
    """Read what the setting `passwords.blocklist` names, relative to the home; without it there is none.

    Raises:
        Misconfigured: it cannot be read, is too large, or no text.
    """
    if not path:
        return NOTHING_BLOCKED
    try:
        with (home / path).open("rb") as file:
            content = file.read(MOST_BLOCKED_OCTETS + 1)
    except OSError as error:
        why = f"cannot read {home / path}: {error.strerror}"
        raise Misconfigured(f"passwords.blocklist: {why}; put the file there, or remove the setting") from None
    return parse_blocklist(content, f"passwords.blocklist: {home / path}")
