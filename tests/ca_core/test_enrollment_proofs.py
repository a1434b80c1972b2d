"""What proved an applicant is asked for once more where it is decided."""

from __future__ import annotations

import pytest

from ca_core.applicant import Door
from ca_core.errors import CertificateRevoked
from ca_core.names import dns
from ca_core.policy.request import parse
from ca_core.referral.request import at_once
from ca_core.revocation.reason import Reason
from tests.builders.core import Core, granted
from tests.builders.est import Csr


async def test_a_certificate_that_was_revoked_since_the_sign_in_enrolls_nothing(core: Core) -> None:
    sheet = await core.register("acc", *granted(dns("a.example")), kind="device")
    assert sheet.enrollment_code is not None
    source, door = "192.0.2.1", Door.EST
    by_code = await core.sign_in.by_enrollment_code("acc", sheet.enrollment_code, source=source, door=door)
    held = at_once(await core.enrollment.enroll(by_code, parse(Csr().der())))
    who = await core.sign_in.by_certificate(held.der, int(held.serial, 16), source=source, door=door)
    await core.revocations.revoke(held.serial, Reason.SUPERSEDED, actor="test")

    with pytest.raises(CertificateRevoked):
        await core.enrollment.enroll(who, parse(Csr(names=["a.example"]).der()))
