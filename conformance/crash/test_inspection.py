"""The inspection itself: forged homes, each with one thing wrong, and each is found."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from conformance.acme import new_key
from conformance.crash.inspection import Home, Row, signed_things, violations
from conformance.crash.points import chosen
from conformance.crash.strace import Point
from conformance.crash.subscriber import Broken, Promises

_ISSUER_KEY, _STRANGER_KEY = new_key(), new_key()
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Issuer")])
_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(serial: int, key: object = _ISSUER_KEY) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(_NAME).issuer_name(_NAME).public_key(_ISSUER_KEY.public_key())
    builder = builder.serial_number(serial).not_valid_before(_BEGINS).not_valid_after(_BEGINS + timedelta(days=1))
    return builder.sign(_STRANGER_KEY if key is _STRANGER_KEY else _ISSUER_KEY, SHA256())


def der(serial: int) -> bytes:
    return certificate(serial).public_bytes(Encoding.DER)


def row(serial: int, **changes: object) -> Row:
    good = Row(f"{serial:040x}", "issued", "r1", f"dns:n{serial}", serial.to_bytes(2, "big"), der(serial))
    return dataclasses.replace(good, **changes)  # type: ignore[arg-type]  # named fields of a row


ONE, TWO = row(1), row(2)
GOOD = Home(rows=(ONE, TWO), journaled=(ONE.serial, TWO.serial), crl_numbers={"issuing": 3})


def test_a_good_home_passes() -> None:
    found = violations(GOOD, before=GOOD, certificates=[der_of(ONE)], signed=[ONE.serial])

    assert found == []


def der_of(one: Row) -> bytes:
    assert one.der is not None
    return one.der


@pytest.mark.parametrize(
    ("home", "sentence"),
    [
        (dataclasses.replace(GOOD, integrity="row 1 missing"), "integrity_check"),
        (dataclasses.replace(GOOD, rows=(ONE, row(2, der=der(3)))), "holds no such certificate"),
        (dataclasses.replace(GOOD, rows=(*GOOD.rows, row(4, state="intended", der=None))), "still an intention"),
        (dataclasses.replace(GOOD, rows=(*GOOD.rows, row(4, state="abandoned", der=None))), "is not revoked"),
        (dataclasses.replace(GOOD, rows=(TWO,), journaled=(TWO.serial,)), "the row of"),
        (
            dataclasses.replace(GOOD, rows=(ONE, TWO, row(4, names=ONE.names, key=ONE.key))),
            "2 certificates for one request",
        ),
        (dataclasses.replace(GOOD, journaled=(ONE.serial,)), "journaled 0 times"),
        (dataclasses.replace(GOOD, journaled=(*GOOD.journaled, ONE.serial)), "journaled 2 times"),
        (dataclasses.replace(GOOD, journaled=(*GOOD.journaled, "ff")), "is journaled as issued and is not"),
        (dataclasses.replace(GOOD, crl_numbers={"issuing": 2}), "the CRL issuing went from number 3 to 2"),
        (dataclasses.replace(GOOD, crl_numbers={}), "the CRL issuing went from number 3 to None"),
    ],
)
def test_each_damage_is_found(home: Home, sentence: str) -> None:
    found = violations(home, before=GOOD)

    assert any(sentence in one for one in found), found


def test_what_was_acknowledged_or_signed_and_is_not_there_is_found() -> None:
    found = violations(GOOD, certificates=[der(7)], revoked=[8], signed=[f"{9:040x}"])

    assert [one.rpartition(" ")[0] for one in found] == [
        "the acknowledged certificate " + f"{7:040x} is",
        "the acknowledged revocation of " + f"{8:040x} is",
        f"{9:040x} was signed and has no",
    ]


def test_an_intention_that_was_given_up_and_revoked_passes() -> None:
    given_up = row(4, state="abandoned", der=None)
    home = dataclasses.replace(GOOD, rows=(*GOOD.rows, given_up), revoked=frozenset({given_up.serial}))

    assert violations(home, before=GOOD, signed=[given_up.serial]) == []


def test_a_signature_is_found_in_the_middle_of_a_page_and_in_a_half_written_file(tmp_path: Path) -> None:
    (tmp_path / "db-wal").write_bytes(b"\x30\x82" * 9 + der(5) + b"\x30\x82\x30\x82tail")
    (tmp_path / "tls").mkdir()
    pem = certificate(6).public_bytes(Encoding.PEM)
    (tmp_path / "tls" / "server.new").write_bytes(pem + pem[:100])
    (tmp_path / "strange").write_bytes(certificate(7, _STRANGER_KEY).public_bytes(Encoding.DER))

    assert signed_things(tmp_path, certificate(1)) == {f"{5:040x}", f"{6:040x}"}


def test_another_answer_to_the_same_question_breaks_a_promise() -> None:
    promises = Promises()
    promises.keep("certificate", b"one")
    promises.keep("certificate", b"one")

    with pytest.raises(Broken):
        promises.keep("certificate", b"two")

    assert promises.certificates == [b"one"]


def walk(flow: str, *calls: str, thread: int | None = 1) -> list[Point]:
    """Points in the order of the calls, each numbered among its like."""
    return [Point(flow, thread, call, calls[:place].count(call) + 1) for place, call in enumerate(calls)]


COMMIT = ("pwrite64",) * 9 + ("fdatasync", "sendto")


def test_points_are_always_the_same_all_different_and_of_every_kind() -> None:
    walks = {"long": walk("long", *COMMIT * 4, "write"), "short": walk("short", "rename", "rename", thread=None)}

    points = chosen(walks, {"long": 3, "short": 1}, 30)

    assert points == chosen(walks, {"long": 3, "short": 1}, 30)
    assert len(set(points)) == 30
    assert set(points) <= {*walks["long"], *walks["short"]}
    assert {(point.flow, point.call) for point in points} == {
        *(("long", call) for call in ("pwrite64", "fdatasync", "sendto", "write")),
        ("short", "rename"),
    }


def test_the_last_write_of_each_commit_and_what_follows_it_are_taken_first() -> None:
    points = chosen({"long": walk("long", *COMMIT * 4)}, {"long": 1}, 16)

    taken = {(point.call, point.number) for point in points}
    assert taken >= {("pwrite64", 9 * commit) for commit in (1, 2, 3, 4)}
    assert taken >= {("sendto", commit) for commit in (1, 2, 3, 4)}


def test_all_points_can_be_taken_and_no_more() -> None:
    walks = {"long": walk("long", *COMMIT)}

    assert sorted(map(str, chosen(walks, {"long": 1}, 11))) == sorted(map(str, walks["long"]))
    with pytest.raises(AssertionError, match="11 points only"):
        chosen(walks, {"long": 1}, 12)
