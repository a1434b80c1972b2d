"""Overview, chart and journal at the desk over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from conformance.clients.device import Device
from conformance.clients.officer import Officer
from conformance.house import House


class Room(NamedTuple):
    house: House
    folder: Path
    alice: Officer
    sam: Officer


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    house, folder = House(tmp_path_factory.mktemp("house")), tmp_path_factory.mktemp("staff")
    try:
        house.start()
        sheet = house.register("--kind", "device", "--subject", "CN=meter,C=TW", "--account", "meter")
        assert Device(house, folder / "meter").enroll(sheet) == 200
        house.register("--kind", "device", "--subject", "CN=shut,C=TW", "--account", "shut")
        house.command("suspend", "shut")
        yield Room(
            house, folder, Officer(house, folder, "alice"), Officer(house, folder, "sam", "officer", "--realm", "south")
        )
    finally:
        house.close()


def row(page: str, label: str) -> str:
    """The number beside a label of the overview."""
    return page.partition(label)[2].strip().partition(" ")[0]


def test_the_overview_counts_what_there_is_to_do(room: Room) -> None:
    page, other = room.alice.get("/"), room.sam.get("/")

    assert row(page.text, "Suspended registrations") == "1"
    assert row(page.text, "Requests that wait") == "0"
    assert row(other.text, "Suspended registrations") == "0"
    assert "Nothing waits." in page.text
    assert '<a href="/certificates?status=about+to+expire">' in page.html


def test_what_will_expire_is_a_picture_and_a_table(room: Room) -> None:
    page = room.alice.get("/expiring")

    assert '<svg role="img"' in page.html
    assert page.html.count("<rect") == 13
    assert page.html.count('<th scope="row">') == 13
    assert "<script" not in page.html
    (link,) = [one for one in page.html.split('"') if one.startswith("/certificates?from=")]
    listed = room.alice.get(link.replace("&amp;", "&"))
    assert "meter" in listed.text
    assert "/certificates?from=" not in room.sam.get("/expiring").html


@pytest.mark.parametrize(
    ("asked", "has", "lacks"),
    [
        ({"event": "registered"}, "Subscriber registered", "Certificate issued"),
        ({"event": "certificate-issued", "account": "meter"}, "Certificate issued", "Subscriber registered"),
        ({"account": "shut"}, "Status of the registration changed", "Certificate issued"),
        ({"actor": "est:"}, "Certificate issued", "Subscriber registered"),
        ({"since": "2999-01-01"}, "Nothing was found.", "Subscriber registered"),
        ({"until": "2020-01-01"}, "Nothing was found.", "Subscriber registered"),
    ],
)
def test_the_journal_is_read_by_what_is_asked_for(room: Room, asked: dict[str, str], has: str, lacks: str) -> None:
    page = room.alice.get(f"/journal?{urlencode(asked)}")
    rows = page.html.partition("<tbody>")[2]

    assert page.status == 200
    assert has in (rows or page.text)
    assert lacks not in rows


def test_the_journal_goes_on_page_by_page(room: Room) -> None:
    form = room.alice.get("/registrations/meter/suspend")
    for _ in range(30):
        room.alice.post("/registrations/meter/suspend", form)
        room.alice.post("/registrations/meter/resume", form)

    first = room.alice.get("/journal?event=status-changed")
    (link,) = {one for one in first.html.split('"') if one.startswith("/journal?") and "after=" in one}
    second = room.alice.get(link.replace("&amp;", "&"))

    assert first.html.count("<tr>") == 51
    assert 1 < second.html.count("<tr>") < 51
    assert "First page" in second.text
    assert room.alice.get("/journal?after=nonsense").status == 400


def test_another_realm_reads_only_its_own(room: Room) -> None:
    page = room.sam.get("/journal?account=meter")

    assert "<tbody>" not in page.html
    assert "meter" not in room.sam.get("/journal").html.partition("<tbody>")[2]


def test_what_is_looked_for_is_shown_as_text(room: Room) -> None:
    for field in ("event", "actor", "account", "serial", "since"):
        page = room.alice.get("/journal?" + urlencode({field: '"><script>alert(1)</script>'}))
        assert page.status in {200, 400}
        assert "<script" not in page.html


def test_pages_speak_chinese(room: Room) -> None:
    for path, told in (("/", "待辦事項"), ("/expiring", "各週到期的憑證"), ("/journal", "最新者在前")):
        page = room.alice.get(path, "zh-TW")
        assert told in page.text
        assert "style=" not in page.html
        assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_journal_is_proved_and_what_was_altered_is_named(room: Room) -> None:
    whole = room.alice.get("/journal/verification")
    room.house.behind_its_back("UPDATE journal SET actor = 'nobody' WHERE position = 3")
    same_minute = room.alice.get("/journal/verification")
    room.house.move_clock(days=1)
    broken = room.alice.get("/journal/verification")

    assert "The journal is whole" in whole.text
    assert "The journal is whole" in same_minute.text
    assert (broken.status, "The journal is not whole" in broken.text) == (200, True)
    assert "3" in broken.html.partition('lang="en"')[2].partition("</p>")[0]
