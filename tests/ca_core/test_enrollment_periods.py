"""Periods that a subscriber chose, and what an order replaces (RFC 8555, 7.4; RFC 9773, 5)."""

from __future__ import annotations

import pytest
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import CertificateNotAccepted, PeriodNotOffered
from ca_core.order_claim import OrderClaim
from ca_core.policy.period import WishedPeriod
from ca_core.policy.profile import TLS_SERVER
from ca_core.policy.renewal import Window
from ca_core.policy.request import CertificationRequest, parse
from ca_core.store import registrations
from ca_core.store.database import Transaction
from tests.builders.core import Core, granted
from tests.builders.est import Csr

DAY = 86_400
NAME = names.dns("a.example")


async def unclaimed(_: Transaction, __: object) -> None:
    """Nobody else wants the order."""


def order(period: WishedPeriod, *, replaces: str | None = None) -> OrderClaim:
    return OrderClaim(f"acme-order:{period}", frozenset({NAME}), unclaimed, period=period, replaces=replaces)


def request() -> CertificationRequest:
    return parse(Csr(names=("a.example",)).der())


async def subscriber(core: Core) -> Applicant:
    await core.register("acc", *granted(NAME))
    return Applicant((await core.desk.show("acc")).id, Door.ACME, "test", "192.0.2.1")


async def test_a_certificate_lives_as_long_as_was_ordered(core: Core) -> None:
    who, now = await subscriber(core), core.clock.now()

    issued = await core.enroll(who, request(), order=order(WishedPeriod(now, now + 10 * DAY)))

    parsed = x509.load_der_x509_certificate(issued.der)
    assert parsed.not_valid_before_utc.timestamp() == issued.not_before == now
    assert parsed.not_valid_after_utc.timestamp() == issued.not_after == now + 10 * DAY


async def test_a_certificate_that_begins_later_proves_nobody_before(core: Core) -> None:
    who, now = await subscriber(core), core.clock.now()

    issued = await core.enroll(who, request(), order=order(WishedPeriod(not_before=now + DAY)))

    issued.require_live(now + DAY)
    with pytest.raises(CertificateNotAccepted, match="not valid yet"):
        issued.require_live(now)


async def test_dates_beyond_the_profile_are_refused_at_the_order_and_at_the_end(core: Core) -> None:
    who, now = await subscriber(core), core.clock.now()
    too_long = WishedPeriod(not_after=now + 90 * DAY + 1)

    with pytest.raises(PeriodNotOffered):
        await core.enroll(who, request(), order=order(too_long))
    async with core.database.read() as tx:
        registration = await registrations.by_id(tx, who.registration_id)
        with pytest.raises(PeriodNotOffered):
            await core.enrollment.foresee(
                tx, registration, TLS_SERVER, frozenset({NAME}), period=too_long, now=core.clock.now()
            )

    assert await core.count("certificates") == 0


async def test_what_an_order_replaces_is_stored_with_the_certificate(core: Core) -> None:
    who, now = await subscriber(core), core.clock.now()
    old = await core.enroll(who, request(), order=order(WishedPeriod(not_after=now + DAY)))

    new = await core.enroll(who, request(), order=order(WishedPeriod(not_after=now + 2 * DAY), replaces=old.serial))

    assert new.replaces == old.serial


async def test_the_window_of_a_certificate_is_its_profiles(core: Core) -> None:
    who, now = await subscriber(core), core.clock.now()

    whole = await core.enroll(who, request(), order=order(WishedPeriod()))

    assert core.enrollment.renewal_window(whole) == Window(whole.not_after - 30 * DAY, whole.not_after)
    assert whole.not_after - now == 90 * DAY - 300
