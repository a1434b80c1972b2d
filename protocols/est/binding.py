"""Linking identity and proof of possession by a challengePassword that is tls-unique (RFC 7030, 3.5)."""

from __future__ import annotations

import base64
import hmac

from protocols.est.errors import BindingMismatch, BindingUnavailable


def check_binding(challenge_password: str | None, tls_unique: bytes | None) -> None:
    """Verify a challengePassword that is present; one that is absent proves nothing and needs nothing.

    Args:
        challenge_password: as it stands in the certification request.
        tls_unique: the connection's, or None where it has none (TLS 1.3, a resumed session).

    Raises:
        BindingUnavailable: there is nothing to compare it with.
        BindingMismatch: it is another one's, or longer or shorter than it should be.
    """
    if challenge_password is None:
        return
    if tls_unique is None:
        raise BindingUnavailable
    # Full length and constant time: libest takes any longer value that starts right.
    if not hmac.compare_digest(challenge_password.encode(), base64.b64encode(tls_unique)):
        raise BindingMismatch
