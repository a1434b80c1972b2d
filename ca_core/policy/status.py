"""What a certificate's status is called (RULES, S12)."""

from __future__ import annotations

from enum import StrEnum

from ca_core.policy.renewal import renewal_window


class CertificateStatus(StrEnum):
    """As lists show it."""

    VALID = "valid"
    ABOUT_TO_EXPIRE = "about to expire"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ON_HOLD = "on hold"


def certificate_status(
    not_before: int, not_after: int, revoked_at: int | None, *, is_on_hold: bool, window_days: int, now: int
) -> CertificateStatus:
    """The status at a time; revoked before expired, expired before on hold: that could come back, this cannot.

    Args:
        not_before, not_after, revoked_at, now: UTC seconds.
    """
    if revoked_at is not None and not is_on_hold:
        return CertificateStatus.REVOKED
    if now > not_after:
        return CertificateStatus.EXPIRED
    if is_on_hold:
        return CertificateStatus.ON_HOLD
    if renewal_window(not_before, not_after, days=window_days).is_open(now):
        return CertificateStatus.ABOUT_TO_EXPIRE
    return CertificateStatus.VALID
