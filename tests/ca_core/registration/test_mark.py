"""By what a registration is found, and what a maker's certificate says of its device."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ca_core import der, names
from ca_core.policy.subject import subject_der
from ca_core.registration import device_certificate, mark
from ca_core.registration.account import Grant, Registration, Status
from tests.builders.idevid import Maker, hardware_module_name, permanent, unknown

MAKER = Maker()


def registered(subject: str, *grants: Grant) -> Registration:
    der_ = subject_der(subject)
    return Registration("1", "meter", "device", Status.ACTIVE, subject, der_, grants, ("device",), "en", 1, 1, 0, 1)


def test_a_registration_is_found_by_its_subject_and_by_every_number_of_its_device() -> None:
    grants = (
        Grant(names.permanent("SN-2")),
        Grant(names.permanent("SN-3"), vetted=False),
        Grant(names.dns("a.example")),
        Grant(names.dns("b.example"), zone=True),
    )

    marks = mark.of_registration(registered("CN=meter,serialNumber=SN-1,C=TW", *grants))

    assert {one for one in marks if one.startswith("device:")} == {"device:SN-1", "device:SN-2"}
    assert len(marks) == 3


def test_a_subject_is_found_as_names_are_compared() -> None:
    assert mark.of_shown(subject_der("CN=METER,C=TW")) == mark.of_registration(registered("CN=meter,C=TW"))
    assert mark.of_shown(subject_der("CN=meter2,C=TW")) != mark.of_registration(registered("CN=meter,C=TW"))


@pytest.mark.parametrize("number", ["sn 1a", "SN  1A", "SN 1A "])
def test_in_the_number_of_a_device_every_character_counts(number: str) -> None:
    shown = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, number), x509.NameAttribute(NameOID.COMMON_NAME, "a")])

    assert not mark.of_shown(shown.public_bytes()) & mark.of_registration(registered("CN=a,serialNumber=SN 1A"))


def test_beside_its_number_a_device_is_found_as_names_are_compared() -> None:
    found = mark.of_shown(subject_der("CN=METER,serialNumber=SN-1A"))

    assert found == mark.of_registration(registered("CN=meter,serialNumber=SN-1A"))


def test_an_empty_subject_is_nobodys() -> None:
    assert mark.of_shown(der.EMPTY_SEQUENCE) == frozenset()
    assert mark.of_shown(der.EMPTY_SEQUENCE, numbers=["7"]) == {"device:7"}


def test_a_number_that_cannot_be_printed_is_nobodys() -> None:
    shown = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "SN\0")])

    assert [one for one in mark.of_shown(shown.public_bytes(), numbers=["A\n"]) if one.startswith("device:")] == []


def numbers(*alternative: x509.GeneralName) -> set[str]:
    marks = device_certificate.marks_of(MAKER.device("SN-1", *alternative))
    return {one.removeprefix("device:") for one in marks if one.startswith("device:")} - {"SN-1"}


def test_a_makers_certificate_names_its_device_by_serial_number() -> None:
    marks = device_certificate.marks_of(MAKER.device("SN-1"))

    assert "device:SN-1" in marks
    assert len(marks) == 2


@pytest.mark.parametrize(
    ("alternative", "expected"),
    [
        (hardware_module_name(b"HW-9"), {"HW-9", "48572d39"}),
        (hardware_module_name(b"\xff\x01"), {"ff01"}),
        # Text, too; but none that could be registered, or stored everywhere.
        (hardware_module_name(b"\0\x17"), {"0017"}),
        (permanent(b"\x0c\x02P\0"), set()),
        (permanent(b"\x0c\x02P1"), {"P1"}),
        (permanent(b"\x0c\x02P1\x06\x01\x2a"), {"P1"}),
        (permanent(b""), set()),
        (permanent(b"\x02\x01\x05"), set()),
        (unknown(), set()),
        (x509.DNSName("a.example"), set()),
    ],
)
def test_what_stands_beside_the_subject_may_name_it_too(alternative: x509.GeneralName, expected: set[str]) -> None:
    assert numbers(alternative) == expected


def test_names_that_nobody_reads_name_nothing() -> None:
    key = MAKER.key
    unread = (
        x509.CertificateBuilder(MAKER.subject, MAKER.subject, key.public_key(), 7)
        .not_valid_before(MAKER.certificate.not_valid_before_utc)
        .not_valid_after(MAKER.certificate.not_valid_after_utc)
        .add_extension(x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x02\xa3\x00"), critical=False)
        .sign(key, SHA256())
    )

    assert len(device_certificate.marks_of(unread)) == 1


@given(st.binary(max_size=40))
def test_any_hardware_name_is_read_or_passed_over(octets: bytes) -> None:
    other = x509.OtherName(device_certificate.HARDWARE_MODULE_NAME, der.sequence(octets))

    assert isinstance(numbers(other), set)
