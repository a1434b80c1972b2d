"""The chain's rules one by one; tests/ca_core/audit/test_mutations.py tries everything at random."""

from __future__ import annotations

import hashlib
import struct

import pytest

from ca_core.audit.chain import START, Broken, Entry, Head, Proof, Row, chained, row_hash
from ca_core.audit.checkpoint import Checkpoint, JournalKey
from tests.builders.journal import KEY

ENTRIES = [Entry(f"id-{number}", 1000 + number, "registered", "test", None, "", "{}") for number in range(1, 6)]


@pytest.fixture
def rows() -> list[Row]:
    return chained(START, ENTRIES)


def proved(rows: list[Row], *checkpoints: Checkpoint, head: Head | None = None) -> Proof:
    proof = Proof(KEY.public, checkpoints)
    proof.take(rows)
    proof.end(head or rows[-1].head, [signed(rows[-1])])
    return proof


def signed(row: Row, key: JournalKey = KEY) -> Checkpoint:
    return key.sign(row.head.position, row.head.hash, at=2000)


def test_a_journal_as_it_was_written_is_proved(rows: list[Row]) -> None:
    proof = proved(rows, signed(rows[1]), signed(rows[4]))

    assert proof.head == rows[-1].head
    assert proof.head.position == 5


def test_an_empty_journal_is_proved() -> None:
    Proof(KEY.public, []).end(START, [])


def test_a_row_is_hashed_as_the_auditors_page_says() -> None:
    entry = Entry("a", -1, "é", "", None, "b", "{}")

    def text(value: str) -> bytes:
        return b"\x02" + struct.pack(">Q", len(value.encode())) + value.encode()

    def number(value: int) -> bytes:
        return b"\x01" + struct.pack(">q", value)

    before = b"\x03" + struct.pack(">Q", 32) + bytes(31) + b"\x07"
    fields = [text("soapstone journal row 1"), before, number(9), text("a"), number(-1), text("é"), text(""), b"\x00"]
    expected = hashlib.sha256(b"".join([*fields, text("b"), text("{}")])).hexdigest()

    assert row_hash("00" * 31 + "07", 9, entry) == expected


def test_no_two_contents_have_one_hash() -> None:
    entry = ENTRIES[0]
    contents = [
        entry,
        entry._replace(registration_id=""),
        entry._replace(registration_id="", serial=None),
        entry._replace(at=str(entry.at)),  # type: ignore[arg-type]  # what SQLite would store all the same
        entry._replace(at=float(entry.at)),  # type: ignore[arg-type]
        entry._replace(detail=b"{}"),  # type: ignore[arg-type]
        entry._replace(event="registere", actor="dtest"),
        entry._replace(actor="\udcff"),
    ]

    assert len({row_hash(START.hash, 1, content) for content in contents}) == len(contents)


def test_an_altered_row_is_named(rows: list[Row]) -> None:
    rows[2] = Row(rows[2].head, rows[2].entry._replace(actor="nobody"))

    with pytest.raises(Broken, match=r"^position 3 was altered: the row id-3 "):
        proved(rows)


def test_a_row_that_was_altered_and_hashed_anew_breaks_the_next_one(rows: list[Row]) -> None:
    rows[2] = chained(rows[1].head, [rows[2].entry._replace(actor="nobody")])[0]

    with pytest.raises(Broken, match="position 4 was altered"):
        proved(rows)


def test_a_chain_hashed_anew_without_the_key_is_found_at_the_next_checkpoint(rows: list[Row]) -> None:
    forged = [*rows[:2], *chained(rows[1].head, [ENTRIES[2]._replace(actor="nobody"), *ENTRIES[3:]])]

    with pytest.raises(Broken, match="position 4, or one before it, was replaced"):
        proved(forged, signed(rows[1]), signed(rows[3]))
    with pytest.raises(Broken, match="checkpoint of position 4 is not signed by the journal's key"):
        proved(forged, signed(forged[3], JournalKey(bytes(32))))


@pytest.mark.parametrize(("gone", "text"), [([2], "position 3 is missing"), ([1, 2], "position 2 to 3 is missing")])
def test_missing_rows_are_named(rows: list[Row], gone: list[int], text: str) -> None:
    with pytest.raises(Broken, match=text):
        proved([row for number, row in enumerate(rows) if number not in gone])


def test_a_position_that_is_there_twice_is_named(rows: list[Row]) -> None:
    rows.insert(3, Row(rows[2].head, rows[2].entry._replace(id="twin")))

    with pytest.raises(Broken, match="position 3 is there twice: the row twin"):
        proved(rows)


def test_rows_out_of_order_are_named(rows: list[Row]) -> None:
    with pytest.raises(Broken, match="the row id-1 at position 1 is out of order"):
        proved([*rows[:3], rows[0], *rows[3:]])


@pytest.mark.parametrize("position", [0, -1, 1.5, "1", None])
def test_a_row_at_no_position_was_inserted(rows: list[Row], position: object) -> None:
    forged = Row(Head(position, "00" * 32), ENTRIES[0])  # type: ignore[arg-type]  # from a damaged store

    with pytest.raises(Broken, match="the row id-1 was inserted"):
        proved([forged, *rows])


def test_a_truncated_journal_is_found_by_a_checkpoint_that_knows_more(rows: list[Row]) -> None:
    with pytest.raises(Broken, match="truncated: it ends at position 3, and a checkpoint knows position 5"):
        proved(rows[:3], signed(rows[4]))
    with pytest.raises(Broken, match="it ends at position 0"):
        Proof(KEY.public, [signed(rows[4])]).end(START, [])


def test_a_truncated_journal_is_found_by_its_head(rows: list[Row]) -> None:
    with pytest.raises(Broken, match="end at position 3, and its head says 5"):
        proved(rows[:3], head=rows[4].head)


def test_rows_behind_the_last_checkpoint_are_nobodys(rows: list[Row]) -> None:
    proof = Proof(KEY.public, [signed(rows[2])])
    proof.take(rows)

    with pytest.raises(Broken, match="position 4 and what follows was inserted"):
        proof.end(rows[-1].head, [])


@pytest.mark.parametrize(
    "change",
    [
        *({"signature": "00" * 64}, {"signature": "no hex"}, {"signature": None}, {"at": 2001}),
        *({"hash": "00" * 32}, {"position": 3}, {"position": 0}, {"position": None}, {"position": 6}),
    ],
)
def test_an_altered_checkpoint_is_found(rows: list[Row], change: dict[str, object]) -> None:
    values = {name: getattr(signed(rows[1]), name) for name in ("position", "hash", "at", "signature")}

    with pytest.raises(Broken, match="not signed by the journal's key"):
        proved(rows, Checkpoint(**{**values, **change}))


def test_a_checkpoint_in_another_spelling_is_found(rows: list[Row]) -> None:
    word = signed(rows[1])

    with pytest.raises(Broken, match="not signed"):
        proved(rows, Checkpoint(word.position, word.hash, word.at, word.signature.upper()))


def test_the_newest_checkpoint_is_of_the_last_row(rows: list[Row]) -> None:
    proof = Proof(KEY.public, [])
    proof.take(rows)

    with pytest.raises(Broken, match="checkpoint of position 3 is of no row"):
        proof.end(rows[-1].head, [signed(rows[2])])
