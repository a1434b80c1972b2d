"""Thousands of devices out of a file: what is wrong with it, what comes of it, and what a power cut leaves."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.clients.device import Device
from conformance.house import SOAPSTONE, House, must
from conformance.small_disk import on_a_small_disk
from conformance.waiting import until

COLUMNS = (
    *("kind", "subject", "account", "dns", "zone", "ip", "email", "device-id", "challenged", "profile", "uses"),
    *("language", "contact-name", "contact-email", "phone", "address", "identity-number"),
)
LINES = 10_000
WRONG: list[tuple[str, dict[str, str]]] = [
    ("kind", {"kind": "robot"}),
    ("kind", {"kind": "server"}),
    ("subject", {"subject": ""}),
    ("subject", {"subject": "nonsense"}),
    ("subject", {"subject": "CN=bell\a,C=TW"}),
    ("subject", {"subject": "CN=turned\u202e,C=TW"}),
    ("subject.CN", {"subject": "CN=\u0410lice,C=TW"}),
    ("subject", {"subject": f"CN=long,O={'o' * 65},C=TW"}),
    ("subject.C", {"subject": "CN=nowhere,C=XX"}),
    ("subject", {"subject": "CN=small,C=tw"}),
    ("subject.CN", {"subject": "CN=Jose\u0301,C=TW"}),
    ("subject.CN", {"subject": "CN=\U0001d400lice,C=TW"}),
    ("subject", {"subject": "CN=odd,XYZ=1"}),
    ("subject", {"subject": "CN=,C=TW"}),
    ("subject", {"subject": "CN=number,serialNumber=#1\u00e9,C=TW"}),
    ("subject", {"subject": "CN=mail,emailAddress=nobody,C=TW"}),
    ("account", {"account": "two words"}),
    ("account", {"account": "a"}),
    ("account", {"account": "sensor-1"}),
    ("account", {"account": "there"}),
    ("dns", {"dns": "under_score.example"}),
    ("dns", {"dns": "192.0.2.1"}),
    ("zone", {"zone": "*.fleet.example"}),
    ("ip", {"ip": "192.0.2.256"}),
    ("ip", {"ip": "2001:DB8::1"}),
    ("email", {"email": "nobody"}),
    ("device-id", {"device-id": "SN#1"}),
    ("challenged", {"challenged": "perhaps"}),
    ("profiles", {"profile": "nonsense"}),
    ("uses", {"uses": "often"}),
    ("uses", {"uses": "0"}),
    ("language", {"language": "fr"}),
    ("contact.email", {"contact-email": "ops@"}),
    ("contact.phone", {"phone": "none"}),
    ("contact.name", {"contact-name": "n" * 201}),
    ("contact.identity_number", {"kind": "branch", "identity-number": "04595253"}),
    ("contact.identity_number", {"kind": "citizen", "identity-number": "A123456788"}),
]
"""Thirty-seven ways to be wrong, by the field that is named."""
SETTINGS = (
    "kinds.branch.based_on=organization",
    "kinds.branch.identity_number=tw-company",
    "kinds.citizen.based_on=person",
    "kinds.citizen.identity_number=tw-person",
    "kinds.guarded.based_on=device",
    "kinds.guarded.approvals={register=1}",
)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("imports"), *SETTINGS)
    try:
        built.start()
        yield built
    finally:
        built.close()


def row(number: int, prefix: str = "sensor", **fields: str) -> dict[str, str]:
    return {"kind": "device", "subject": f"CN=sensor {number},O=Fleet,C=TW", "account": f"{prefix}-{number}", **fields}


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def registered(house: House, prefix: str) -> int:
    of_them = f"SELECT COUNT(*) FROM registrations WHERE account LIKE '{prefix}-%'"  # noqa: S608  # a test's own word
    ((count,),) = house.behind_its_back(of_them)
    return int(count)


def test_of_ten_thousand_lines_37_are_wrong_in_37_ways_and_each_is_named(serving: House, tmp_path: Path) -> None:
    serving.register("--kind", "device", "--subject", "CN=x", "--account", "there")
    rows = [row(number) for number in range(LINES)]
    wrong = {2 + 250 * way + 100: field for way, (field, _) in enumerate(WRONG)}
    for line, (_, fields) in zip(wrong, WRONG, strict=True):
        rows[line - 2] |= fields
    file, result = write(tmp_path / "fleet.csv", rows), tmp_path / "result.jsonl"

    dry = serving.attempt("import", str(file), "--dry-run", "--json")
    refused = serving.attempt("import", str(file), "--result", str(result))
    none = registered(serving, "sensor")
    left = list(tmp_path.glob("result*"))
    began = os.times().children_user
    good = serving.attempt("import", str(file), "--result", str(result), "--only-good")
    took = os.times().children_user - began

    assert len(wrong) == len(WRONG) == 37
    found = json.loads(dry.stdout)
    assert [(one["line"], one["field"]) for one in found["bad"]] == list(wrong.items())
    assert (found["lines"], found["registered"], found["result"]) == (LINES, 0, None)
    assert (dry.returncode, refused.returncode, good.returncode) == (1, 1, 0)
    assert refused.stderr == (
        "soapstone: 37 of 10000 lines are bad, and nothing was imported; mend them, or say --only-good\n"
    )
    assert {int(line.split(":")[0].removeprefix("line ")) for line in refused.stdout.splitlines()} == set(wrong)
    assert (none, left) == (0, [])
    assert good.stderr == ""
    assert "9963 registered" in good.stdout
    assert "37 are bad" in good.stdout
    assert registered(serving, "sensor") == LINES - 37
    assert result.stat().st_mode & 0o777 == 0o600
    listed = rows_of(result)
    assert [one["line"] for one in listed] == list(range(2, LINES + 2))
    assert {one["line"] for one in listed if one["outcome"] == "bad"} == set(wrong)
    codes = [one["enrollment_code"] for one in listed if one["outcome"] == "registered"]
    assert len(set(codes)) == LINES - 37
    assert not any(code in good.stdout for code in codes)
    assert took < 60
    assert Device(serving, tmp_path / "device").enroll(listed[-1]) == 200


def test_a_run_that_was_killed_is_taken_up_by_the_same_command_without_doubles(serving: House, tmp_path: Path) -> None:
    count = 4000
    file = write(tmp_path / "fleet.csv", [row(number, "killed") for number in range(count)])
    result = tmp_path / "result.jsonl"
    words = ("import", str(file), "--result", str(result))

    killed = 0
    for wanted in (300, 1100):
        with subprocess.Popen([SOAPSTONE, "--home", serving.home, *words], stdout=subprocess.DEVNULL) as process:
            until(lambda: registered(serving, "killed") >= wanted, what="so many are there")  # noqa: B023  # called in this turn
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    (part,) = tmp_path.glob("result.jsonl.*.part")
    before = [json.loads(line) for line in part.read_bytes().split(b"\n")[:-1]]
    with part.open("ab") as torn:
        torn.write(b'{"line":77,"outcome":"regis')
    done = serving.attempt(*words)

    assert (killed, done.returncode, done.stderr) == (2, 0, "")
    assert 0 < len(before) < count
    assert part.stat().st_mode & 0o777 == 0o600 if part.exists() else result.exists()
    assert registered(serving, "killed") == count
    listed = rows_of(result)
    newest = {one["account"]: one for one in listed}
    assert sorted(one["line"] for one in newest.values()) == list(range(2, count + 2))
    sheets = serving.behind_its_back("SELECT account, sheet FROM registrations WHERE account LIKE 'killed-%'")
    assert {account: one["sheet"] for account, one in newest.items()} == dict(sheets)
    # At most the batch that was on its way when the power went has new sheets.
    assert len(listed) - count <= 2 * 200
    tried = [newest[before[0]["account"]], newest[before[-1]["account"]], newest[f"killed-{count - 1}"]]
    again = [one for one in newest.values() if one["outcome"] == "new-sheet"][:1]
    for place, one in enumerate(tried + again):
        assert Device(serving, tmp_path / f"device-{place}").enroll(one) == 200


def test_the_same_file_once_more_makes_nothing_and_says_so(serving: House, tmp_path: Path) -> None:
    file = write(tmp_path / "fleet.csv", [row(number, "twice") for number in range(3)])
    first, second = tmp_path / "first.jsonl", tmp_path / "second.csv"
    serving.command("import", str(file), "--result", str(first))

    over = serving.attempt("import", str(file), "--result", str(first))
    again = json.loads(serving.command("import", str(file), "--result", str(second), "--json"))

    assert (over.returncode, over.stderr) == (
        1,
        f"soapstone: {first} exists already and is not overwritten; choose another file\n",
    )
    assert (again["registered"], again["done"], again["bad"]) == (0, 3, [])
    listed = list(csv.DictReader(second.read_text().splitlines()))
    assert [one["outcome"] for one in listed] == ["done"] * 3
    assert [one["enrollment_code"] for one in listed] == [""] * 3
    assert listed[0]["note"].endswith("soapstone sheet twice-0")
    assert Device(serving, tmp_path / "device").enroll(rows_of(first)[0]) == 200


def test_sheets_on_paper_are_in_the_order_of_the_file_and_their_secrets_nowhere_else(
    serving: House, tmp_path: Path
) -> None:
    rows = [row(number, "paper", **{"contact-name": f"王 {number}"}) for number in range(30)]
    file, result, papers = write(tmp_path / "fleet.csv", rows), tmp_path / "result.csv", tmp_path / "papers"

    serving.command("import", str(file), "--result", str(result), "--pdf", str(papers))

    (paper,) = papers.iterdir()
    assert (paper.stat().st_mode & 0o777, papers.stat().st_mode & 0o777) == (0o600, 0o700)
    pages = must("pdftotext", paper, "-").split("\f")
    listed = list(csv.DictReader(result.read_text().splitlines()))
    assert [(one["document"], one["page"]) for one in listed] == [(paper.name, str(page)) for page in range(1, 31)]
    assert all(f"paper-{number}" in page for number, page in enumerate(pages[:30]))
    codes = [re.findall(r"(?:[A-Z0-9]{4}-){5}[A-Z0-9]{4}", page)[0] for page in pages[:30]]
    assert not any(code in result.read_text() for code in codes)
    assert Device(serving, tmp_path / "device").enroll({"account": "paper-7", "enrollment_code": codes[7]}) == 200


def test_what_cannot_be_printed_is_a_bad_line_only_where_it_is_to_be(serving: House, tmp_path: Path) -> None:
    file = write(tmp_path / "fleet.csv", [row(1, "boxed", subject="CN=王\U00030001明,C=TW")])

    paper = serving.attempt("import", str(file), "--dry-run", "--pdf", str(tmp_path / "papers"))
    other = serving.attempt("import", str(file), "--dry-run")

    assert (paper.returncode, other.returncode) == (1, 0)
    assert paper.stdout.startswith("line 2: subject: no installed font has")
    assert other.stdout == "1 lines are good; nothing was changed\n"


def test_what_other_officers_must_agree_to_waits_and_is_asked_once(serving: House, tmp_path: Path) -> None:
    file = write(tmp_path / "fleet.csv", [row(number, "guarded", kind="guarded") for number in range(2)])

    first = serving.command("import", str(file), "--result", str(tmp_path / "first.jsonl"))
    second = json.loads(serving.command("import", str(file), "--result", str(tmp_path / "second.jsonl"), "--json"))

    assert "2 wait for other officers; see: soapstone requests" in first
    assert (second["waiting"], second["registered"]) == (2, 0)
    listed = rows_of(tmp_path / "first.jsonl")
    assert [one["request"] for one in listed] == [one["request"] for one in rows_of(tmp_path / "second.jsonl")]
    assert listed[0]["note"] == f"other officers must agree; then: soapstone requests collect {listed[0]['request']}"
    assert registered(serving, "guarded") == 0


def test_an_import_is_into_a_realm(serving: House, tmp_path: Path) -> None:
    file = write(tmp_path / "fleet.csv", [row(1, "placed")])

    bad = serving.attempt("import", str(file), "--realm", "No Realm", "--dry-run")
    serving.command("import", str(file), "--realm", "north", "--result", str(tmp_path / "result.jsonl"))

    assert bad.returncode == 1
    assert json.loads(serving.command("show", "placed-1", "--json"))["realm"] == "north"


def test_a_command_without_a_place_for_the_sheets_is_refused(serving: House, tmp_path: Path) -> None:
    file = write(tmp_path / "fleet.csv", [row(1, "lost")])

    nowhere = serving.attempt("import", str(file))
    folder = serving.attempt("import", str(file), "--result", str(tmp_path / "nowhere" / "result.jsonl"))
    other = serving.attempt("import", str(file), "--result", str(tmp_path / "result.txt"))

    assert (nowhere.returncode, folder.returncode, other.returncode) == (2, 1, 1)
    assert [len(done.stderr.splitlines()) for done in (nowhere, folder, other)] == [1, 1, 1]
    assert registered(serving, "lost") == 0


def test_a_full_disk_is_said_in_one_line_and_the_next_run_goes_on(serving: House, tmp_path: Path) -> None:
    count = 700
    file, small = write(tmp_path / "fleet.csv", [row(number, "full") for number in range(count)]), tmp_path / "small"
    small.mkdir()
    words = (SOAPSTONE, "--home", serving.home, "import", file, "--result")

    full = on_a_small_disk(small, *words, small / "result.jsonl", kib=64)
    done = serving.attempt("import", str(file), "--result", str(tmp_path / "result.jsonl"))

    assert (full.returncode, len(full.stderr.splitlines())) == (1, 1), full.stderr
    assert "cannot be written: No space left on device" in full.stderr
    assert (done.returncode, done.stderr) == (0, "")
    listed = rows_of(tmp_path / "result.jsonl")
    assert len(listed) == count == registered(serving, "full")
    assert Device(serving, tmp_path / "device").enroll(listed[-1]) == 200


def test_what_can_be_read_only_once_is_no_file_to_import(serving: House, tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe.csv", tmp_path / "folder.csv"
    os.mkfifo(pipe)
    folder.mkdir()

    done = [serving.attempt("import", str(path), "--dry-run") for path in (pipe, folder)]

    assert [(one.returncode, len(one.stderr.splitlines())) for one in done] == [(1, 1), (1, 1)]
    assert all("is no file" in one.stderr for one in done)


def test_progress_is_shown_on_a_terminal_only(serving: House, tmp_path: Path) -> None:
    file = write(tmp_path / "fleet.csv", [row(number, "shown") for number in range(3)])
    words = [str(SOAPSTONE), "--home", str(serving.home), "import", str(file), "--dry-run"]
    ours, theirs = pty.openpty()

    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        said, _ = process.communicate(timeout=60)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)

    assert "looking" in shown
    assert "100%" in shown
    assert said == "3 lines are good; nothing was changed\n"
    assert serving.attempt("import", str(file), "--dry-run").stderr == ""
