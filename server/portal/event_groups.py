"""What the records are looked through for: the events that a registration can have, in groups that people think in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.web.languages import phrase

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sign-ins": (
            "signed-in",
            "signed-out",
            "password-changed",
            "password-suspended",
            "passkey-code-made",
            "passkey-added",
            "passkey-removed",
            "passkey-rejected",
            "credential-refused",
        ),
        "certificates": (
            "acme-order-placed",
            "acme-name-asked",
            "acme-authorization-deactivated",
            "policy-grant",
            "name-proved",
            "challenge-failed",
            "name-paused",
            "name-unpaused",
            "enrollment-referred",
            "enrollment-handed-over",
            "enrollment-approved",
            "enrollment-rejected",
            "enrollment-lapsed",
            "enrollment-request-late",
            "own-secret-approved",
            "certificate-issued",
            "certificate-adopted",
            "intention-abandoned",
            "key-made",
            "key-blocked",
            "certificate-revoked",
            "certificate-held",
            "certificate-released",
            "certificates-recalled",
            "bulk-revocation",
            "revocation-requested",
            "revocation-request-closed",
            "revocation-request-late",
        ),
        "credentials": (
            "sheet-issued",
            "sheet-activated",
            "eab-key-added",
            "eab-key-rotated",
            "eab-key-revoked",
            "eab-key-restored",
            "enrollment-code-added",
            "enrollment-code-rotated",
            "enrollment-code-revoked",
            "acme-account-bound",
            "acme-account-deactivated",
            "acme-contacts-changed",
            "acme-key-changed",
        ),
        "registration": (
            "registered",
            "amended",
            "registration-renewed",
            "status-changed",
            "names-changed",
            "agreement-accepted",
            "acme-agreement-accepted",
            "desk-request-made",
            "desk-request-late",
            "desk-request-closed",
            "vote-cast",
            "notice-sent",
            "notice-failed",
            "notices-declined",
            "notices-wanted",
        ),
    }
)
"""Each event stands in one of them; what only the server itself has stands in none."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "events.sign-ins": phrase("Signing in"),
        "events.certificates": phrase("Certificates"),
        "events.credentials": phrase("Sheets, keys and codes"),
        "events.registration": phrase("Registration"),
    }
)


def among(asked: str | None) -> tuple[str, ...]:
    """The events of a group, or the one that was named; none at all: any."""
    if asked is None:
        return ()
    return GROUPS.get(asked, (asked,))
