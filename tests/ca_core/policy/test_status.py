from __future__ import annotations

import pytest

from ca_core.policy.status import CertificateStatus, certificate_status

DAY = 86_400


@pytest.mark.parametrize(
    ("revoked_at", "now", "status"),
    [
        (None, 0, CertificateStatus.VALID),
        (None, 60 * DAY - 1, CertificateStatus.VALID),
        (None, 60 * DAY, CertificateStatus.ABOUT_TO_EXPIRE),
        (None, 90 * DAY, CertificateStatus.ABOUT_TO_EXPIRE),
        (None, 90 * DAY + 1, CertificateStatus.EXPIRED),
        (5, 10, CertificateStatus.REVOKED),
        (5, 91 * DAY, CertificateStatus.REVOKED),
    ],
)
def test_a_certificate_has_one_status_at_a_time(revoked_at: int | None, now: int, status: CertificateStatus) -> None:
    assert certificate_status(0, 90 * DAY, revoked_at, window_days=30, now=now) is status
