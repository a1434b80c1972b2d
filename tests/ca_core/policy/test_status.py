from __future__ import annotations

import pytest

from ca_core.policy.status import CertificateStatus, certificate_status

DAY = 86_400


@pytest.mark.parametrize(
    ("revoked_at", "is_on_hold", "now", "status"),
    [
        (None, False, 0, CertificateStatus.VALID),
        (None, False, 60 * DAY - 1, CertificateStatus.VALID),
        (None, False, 60 * DAY, CertificateStatus.ABOUT_TO_EXPIRE),
        (None, False, 90 * DAY, CertificateStatus.ABOUT_TO_EXPIRE),
        (None, False, 90 * DAY + 1, CertificateStatus.EXPIRED),
        (5, False, 10, CertificateStatus.REVOKED),
        (5, False, 91 * DAY, CertificateStatus.REVOKED),
        (5, True, 10, CertificateStatus.ON_HOLD),
        (5, True, 70 * DAY, CertificateStatus.ON_HOLD),
        (5, True, 91 * DAY, CertificateStatus.EXPIRED),
    ],
)
def test_a_certificate_has_one_status_at_a_time(
    revoked_at: int | None, is_on_hold: bool, now: int, status: CertificateStatus
) -> None:
    assert certificate_status(0, 90 * DAY, revoked_at, is_on_hold=is_on_hold, window_days=30, now=now) is status
