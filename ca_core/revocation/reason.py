"""Why a certificate is revoked (RFC 5280, 5.3.1)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import IntEnum

from ca_core.errors import BadReason


class Reason(IntEnum):
    """CRLReason; 7 is not used by the standard."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10

    @property
    def text(self) -> str:
        """The standard's own spelling, such as `keyCompromise`."""
        return _TEXTS[self]


_TEXTS = {
    Reason.UNSPECIFIED: "unspecified",
    Reason.KEY_COMPROMISE: "keyCompromise",
    Reason.CA_COMPROMISE: "cACompromise",
    Reason.AFFILIATION_CHANGED: "affiliationChanged",
    Reason.SUPERSEDED: "superseded",
    Reason.CESSATION_OF_OPERATION: "cessationOfOperation",
    Reason.CERTIFICATE_HOLD: "certificateHold",
    Reason.REMOVE_FROM_CRL: "removeFromCRL",
    Reason.PRIVILEGE_WITHDRAWN: "privilegeWithdrawn",
    Reason.AA_COMPROMISE: "aACompromise",
}
_BY_TEXT = {text.lower(): reason for reason, text in _TEXTS.items()}
_BY_TEXT |= {str(reason.value): reason for reason in Reason}

ALL_REASONS = frozenset(Reason)
COMPROMISE_REASONS = frozenset({Reason.KEY_COMPROMISE, Reason.CA_COMPROMISE, Reason.AA_COMPROMISE})
"""A key is in wrong hands: what it may be used for meanwhile cannot be taken back."""
FINAL_REASONS = ALL_REASONS - {Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL}
"""Those that revoke for good. A hold can be released; removeFromCRL says that it was (RFC 5280, 5.3.1)."""


def parse(value: str | int, *, allowed: AbstractSet[Reason] = ALL_REASONS) -> Reason:
    """Read a reason by its number or its name, whatever the name's case.

    Raises:
        BadReason: unknown, or not among `allowed`; the text lists what is.
    """
    reason = _BY_TEXT.get(str(value).lower())
    if reason is None or reason not in allowed:
        choices = ", ".join(f"{choice.text} ({choice.value})" for choice in sorted(allowed))
        raise BadReason(f"{str(value)[:40]!r} is no revocation reason that can be given here; use one of {choices}")
    return reason
