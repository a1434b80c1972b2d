"""Files that are imported: what is read of them, and what is said of what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core import names
from ca_core.errors import Misconfigured
from ca_core.registration.account import Grant
from ca_core.registration.contact import Contact
from ca_core.registration.form import Form
from ca_core.registration.line import Line
from server.cli import import_json
from server.cli.import_file import MOST_LINE_OCTETS, ImportFile
from server.cli.naming import a_labels

HEADER = "kind,subject,account,dns,device-id\n"
ROW = 'device,"CN=one,C=TW",one,a.example,SN-1\n'


def lines(folder: Path, content: str | bytes, name: str = "file.csv", most: int = 100) -> list[Line]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [line for batch, _ in ImportFile(path).batches(most) for line in batch]


def faults(found: list[Line]) -> list[tuple[int, str, str]]:
    return [(line.number, *fault) for line in found for fault in line.faults]


def test_every_column_of_a_csv_file_is_read(tmp_path: Path) -> None:
    header = (
        "kind,subject,account,dns,zone,ip,email,device-id,profile,uses,language,contact-name,contact-email,phone,"
        "address,identity-number\n"
    )
    row = (
        'device,"CN=王,O=Fleet,C=TW",one,A.example;線.example b.example,fleet.example,192.0.2.1 2001:db8::1,'
        'w@example.com,SN-1,"device tls-server",3,en,王小明,w@example.com,02-1234-5678,"臺北市\n中正區",A123456789\n'
    )

    (found,) = lines(tmp_path, header + row)

    hosts = [names.dns(a_labels(name)) for name in ("a.example", "線.example", "b.example")]
    assert found.faults == ()
    assert found.form == Form(
        kind="device",
        subject="CN=王,O=Fleet,C=TW",
        uses=3,
        account="one",
        grants=(
            *map(Grant, hosts),
            Grant(names.dns("fleet.example"), zone=True),
            Grant(names.ip("192.0.2.1")),
            Grant(names.ip("2001:db8::1")),
            Grant(names.email("w@example.com")),
            Grant(names.permanent("SN-1")),
        ),
        profiles=("device", "tls-server"),
        language="en",
        contact=Contact("王小明", "w@example.com", "02-1234-5678", "臺北市\n中正區", "A123456789"),
    )


def test_what_is_left_empty_is_what_register_says_of_an_option_that_is_not_given(tmp_path: Path) -> None:
    (found,) = lines(tmp_path, 'kind,subject,account,uses,language,challenged\ndevice,"CN=one,C=TW",,,,\n')

    assert found.form == Form("device", "CN=one,C=TW")


def test_names_may_be_challenged_and_uses_unlimited(tmp_path: Path) -> None:
    header = "kind,subject,dns,device_id,challenged,uses\n"

    (found,) = lines(tmp_path, f'{header}device,"CN=one,C=TW",a.example,SN-1,Yes,unlimited\n')

    assert found.form is not None
    assert [grant.vetted for grant in found.form.grants] == [False, True]
    assert found.form.uses is None


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_byte_order_mark_and_either_line_end_do_not_matter(tmp_path: Path, mark: bytes, ending: str) -> None:
    text = (HEADER + ROW).replace("\n", ending)

    (found,) = lines(tmp_path, mark + text.encode())
    (other,) = lines(tmp_path, mark + f'{{"kind": "device", "subject": "CN=one,C=TW"}}{ending}'.encode(), "f.jsonl")

    assert found.form is not None
    assert (found.number, found.form.account, found.faults) == (2, "one", ())
    assert (other.number, other.form) == (1, Form("device", "CN=one,C=TW"))


def test_lines_have_the_numbers_that_an_editor_shows_and_empty_ones_are_passed_over(tmp_path: Path) -> None:
    several = 'kind,subject,address\n\ndevice,CN=one,"a\nb"\n\ndevice,CN=two,\n'

    assert [line.number for line in lines(tmp_path, several)] == [3, 6]
    assert [line.number for line in lines(tmp_path, '\n{"kind": "device"}\n\n{}\n', "f.jsonl")] == [2, 4]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b'device,"CN=x,a,b,c\n', "cannot be read as CSV"),
        (b'device,"CN=x"y,a,b,c\n', "cannot be read as CSV"),
        (b"device,CN=x\xff,a,b,c\n", "is not UTF-8 at its octet 12"),
        (b"device,CN=" + b"x" * MOST_LINE_OCTETS + b",a,b,c\n", "is longer than 65536 octets"),
        (b"device,CN=x,a\n", "has 3 cells, and the header has 5"),
        (b"device,CN=x,a,b,c,d\n", "has 6 cells, and the header has 5"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_next_ones_are_read(tmp_path: Path, bad: bytes, why: str) -> None:
    content = HEADER.encode() + ROW.encode() + bad + ROW.encode() * 30

    found = lines(tmp_path, content)

    (fault,) = faults(found)
    assert fault[:2] == (3, "line")
    assert why in fault[2]
    assert [line.number for line in found] == list(range(2, 34))


def test_every_fault_of_a_line_is_named(tmp_path: Path) -> None:
    header = "kind,subject,dns,zone,ip,email,device-id,challenged,uses\n"

    (found,) = lines(tmp_path, header + "device,CN=x,a_b 10.0.0.1,*.a.example,::0,nobody,S#1,perhaps,often\n")

    assert [fault.field for fault in found.faults] == [
        "challenged",
        "uses",
        "dns",
        "dns",
        "zone",
        "ip",
        "email",
        "device-id",
    ]


@pytest.mark.parametrize("uses", ["-1", "1.5", "٣", "1_0", "1" * 5000])
def test_uses_are_digits(tmp_path: Path, uses: str) -> None:
    assert [fault[1] for fault in faults(lines(tmp_path, f"kind,subject,uses\ndevice,CN=x,{uses}\n"))] == ["uses"]


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "the file is empty"),
        ("kind,subject,colour\n", "there is no column 'colour'"),
        ("kind,subject,dns,DNS\n", "the column dns is there twice"),
        ("kind,account\n", "the column subject is missing"),
        ('kind,"subject\n', "the header cannot be read"),
        ("kind;subject\n", "there is no column 'kind;subject'"),
    ],
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, header: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        lines(tmp_path, header)


@pytest.mark.parametrize("name", ["file.txt", "file"])
def test_a_file_says_by_its_ending_what_it_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="neither CSV nor JSON Lines"):
        lines(tmp_path, ROW, name)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read: No such file"):
        ImportFile(tmp_path / "nothing.csv")


def test_batches_say_how_far_they_have_read(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text(HEADER + ROW * 5)
    file = ImportFile(tmp_path / "file.csv")

    read = [(len(batch), octets) for batch, octets in file.batches(2)]

    assert [count for count, _ in read] == [2, 2, 1]
    assert read[-1][1] == file.octets == (tmp_path / "file.csv").stat().st_size


def test_the_same_is_the_same_line_in_either_form(tmp_path: Path) -> None:
    (first,) = lines(tmp_path, HEADER + ROW)
    sent = {
        "kind": "device",
        "subject": "CN=one,C=TW",
        "account": "one",
        "names": [{"type": "dns", "value": "a.example"}, {"type": "permanent-identifier", "value": "SN-1"}],
    }
    (second,) = lines(tmp_path, json.dumps(sent), "file.jsonl")

    assert first.form == second.form
    assert first.digest == second.digest


def test_every_field_of_json_is_read() -> None:
    sent = {
        "kind": "device",
        "subject": "CN=one,C=TW",
        "account": None,
        "names": [
            {"type": "dns", "value": "example.com", "below": True},
            {"type": "ip", "value": "::1", "vetted": False},
        ],
        "profiles": ["device"],
        "uses": None,
        "language": "en",
        "contact": {"name": "王小明", "phone": "02-1234-5678"},
        "note": "a contract",
    }

    found = import_json.line(7, json.dumps(sent))

    assert found == Line(
        7,
        Form(
            kind="device",
            subject="CN=one,C=TW",
            uses=None,
            grants=(Grant(names.dns("example.com"), zone=True), Grant(names.ip("::1"), vetted=False)),
            profiles=("device",),
            language="en",
            contact=Contact(name="王小明", phone="02-1234-5678"),
        ),
        (),
        "a contract",
    )


def test_every_wrong_field_of_json_is_named() -> None:
    sent = {
        "kind": 1,
        "subject": None,
        "colour": "red",
        "names": [{"type": "dns", "value": "a_b"}, {"type": "tree", "value": "x"}, {"value": "x"}, "x"],
        "profiles": ["device", 2],
        "uses": "often",
        "contact": {"mail": "x", "name": 3},
        "note": "\0",
    }
    below = [
        {"type": "ip", "value": "::1", "below": True},
        {"type": "permanent-identifier", "value": "x", "vetted": False},
    ]

    found = import_json.line(1, json.dumps(sent))
    others = import_json.line(1, json.dumps({"kind": "device", "subject": "CN=x", "names": below}))

    assert {fault.field for fault in found.faults} == {
        "colour",
        "uses",
        "kind",
        "subject",
        "names[0]",
        "names[1].type",
        "names[2]",
        "names[3]",
        "profiles[1]",
        "contact.mail",
        "contact.name",
        "note",
    }
    assert [fault.field for fault in others.faults] == ["names[0]", "names[1]"]


@pytest.mark.parametrize("text", ["", "[", "[]", "1", '{"kind": "\\ud800"}', "[" * 60_000, '{"kind": 1', "\0"])
def test_what_is_no_object_is_a_bad_line(text: str) -> None:
    found = import_json.line(3, text)

    assert found.form is None
    assert [(found.number, fault.field) for fault in found.faults] == [(3, "line")]


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in ("file.csv", "file.jsonl"):
        head = HEADER.encode() if name == "file.csv" else b""
        for line in lines(folder, head + content, name):
            assert line.form is not None or line.faults
            if line.form is not None:
                msgspec.json.encode(line.form)
