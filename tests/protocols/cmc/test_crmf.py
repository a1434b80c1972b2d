"""RFC 5272, 3.2.1.2.2: certification requests by CRMF, in a full PKI request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509

from ca_core.policy.profile import ApprovalRule
from conformance.cmc import FAILED, PENDING, SUCCESS, Ask, Template, message, secret_proof
from protocols.cmc.failures import FailInfo
from tests.builders.cmc import CmcHouse, answer, by_certificate, cmc_house, code_of
from tests.builders.est import DAY, Csr, new_key
from tests.builders.reviewed import approve, reviewed

WITNESS_V2, CHANGE = "1.3.6.1.5.5.7.7.33", "1.3.6.1.5.5.7.7.36"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CmcHouse]:
    async with cmc_house(tmp_path) as opened:
        yield opened


async def test_an_account_enrolls_by_its_code(house: CmcHouse) -> None:
    sheet, key = await house.core.register("meter", kind="device"), new_key()
    ask = Ask().template(Template(key)).proof(sheet.account, code_of(sheet))

    response = answer(await house.send(message(ask.der(), key)))

    assert response.only.status == SUCCESS
    assert response.issued_to(key).subject.rfc4514_string() == "CN=meter,O=Example,C=TW"


async def test_a_holder_renews(house: CmcHouse) -> None:
    held, key = await house.enrolled("meter"), new_key()
    await house.move(61 * DAY)

    response = answer(await house.send(by_certificate(held, Ask().template(Template(key, held.certificate.subject)))))

    assert response.issued_to(key).serial_number != held.certificate.serial_number


async def test_both_formats_stand_side_by_side_and_are_told_by_their_numbers(house: CmcHouse) -> None:
    held = await house.enrolled("meter")
    await house.move(61 * DAY)
    subject, key = held.certificate.subject, new_key()
    unsigned = Template(new_key(), subject, possession=b"")
    ask = Ask().template(Template(key, subject)).certificate(Csr(is_ca=True).der())

    told = answer(await house.send(by_certificate(held, ask))).told
    without = answer(await house.send(by_certificate(held, Ask().certificate(Csr().der()).template(unsigned)))).told

    assert [(told[part].status, told[part].fail) for part in (1, 2)] == [
        (SUCCESS, None),
        (FAILED, FailInfo.UNSUPPORTED_EXT),
    ]
    assert without[2].fail == FailInfo.POP_FAILED


async def test_a_witness_stands_among_the_controls(house: CmcHouse) -> None:
    sheet, key, random = await house.core.register("meter", kind="device"), new_key(), bytes(range(64))
    for right in (False, True):
        value = secret_proof(code_of(sheet), random if right else b"another").dump()
        ask = Ask().template(Template(key, controls=[(WITNESS_V2, value)])).control(22, core.OctetString(random))

        told = answer(await house.send(message(ask.proof(sheet.account, code_of(sheet)).der(), key))).only

        assert (told.status, told.fail) == ((SUCCESS, None) if right else (FAILED, FailInfo.POP_FAILED))


async def test_what_waits_for_an_officer_is_issued_from_what_was_kept(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, reviewed(ApprovalRule.ALWAYS, "device")) as house:
        sheet, key = await house.core.register("meter", kind="device"), new_key()
        body = message(Ask().template(Template(key)).proof(sheet.account, code_of(sheet)).der(), key)
        assert answer(await house.send(body)).only.status == PENDING
        await approve(house.core, 1)

        assert answer(await house.send(body)).issued_to(key).subject.rfc4514_string() == "CN=meter,O=Example,C=TW"


@pytest.mark.parametrize(
    ("extension", "fail"),
    [
        (x509.BasicConstraints(ca=True, path_length=None), FailInfo.UNSUPPORTED_EXT),
        (x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]), FailInfo.UNSUPPORTED_EXT),
        (x509.SubjectAlternativeName([x509.DNSName("not.granted.example")]), FailInfo.BAD_IDENTITY),
    ],
)
async def test_what_a_template_asks_for_is_judged_as_in_pkcs_10(
    house: CmcHouse, extension: x509.ExtensionType, fail: FailInfo
) -> None:
    held = await house.enrolled("meter")

    ask = Ask().template(Template(new_key(), extensions=[extension]))

    assert answer(await house.send(by_certificate(held, ask))).only.fail == fail
