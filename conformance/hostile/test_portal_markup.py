"""HTML in whatever is registered and in whatever a subscriber may write: on every page it is text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

from conformance.hostile.portal import PAGES, Subscriber, placed
from conformance.hostile.test_portal_passkeys import Passkey, asked_to_make, register
from conformance.house import House

MARK = "zz9"
TEXTS = (
    f'"\'><{MARK} {MARK}=1 on{MARK}="x" x=\'',
    f"</title></textarea></script><{MARK}>",
    f"{{{{7*7}}}}{{%{MARK}%}}<{MARK}>",
)
SUBJECT = f"CN=\\\"'\\>\\<{MARK} on{MARK}\\=1\\>,O=a\\<{MARK}\\>b,C=TW"


class _Finder(HTMLParser):
    """Elements and attributes that only an attacker has."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if MARK in tag else []
        self.found += [name for name, _ in attrs if MARK in name]
        self.found += [f"{name}={value}" for name, value in attrs if name.startswith("on") or name == "style"]
        self.found += [f"{name}={value}" for name, value in attrs if re.match(r"\s*(javascript|data):", value or "")]


def planted(text: str) -> list[str]:
    """What of a page is markup that was not ours."""
    finder = _Finder()
    finder.feed(text)
    return finder.found + re.findall(r"<script(?![^>]* src=)", text)


@pytest.fixture(scope="module")
def writer(portal: House) -> Subscriber:
    """Somebody in all of whose data there is markup."""
    contact = (
        "--contact-name",
        f"Lin <{MARK}>",
        "--contact-email",
        "lin@example.com",
        "--phone",
        "+886 2 1234",
        "--address",
        f"1 <{MARK}> Road\n'\"><{MARK}>",
    )
    made = Subscriber(portal, *contact, subject=SUBJECT)
    made.enter()
    made.certify("signing", "encryption")
    for text in TEXTS[:2]:
        key = Passkey(portal.port)
        assert register(made, key.made(asked_to_make(made)), text).status == 303
    return made


def pages(somebody: Subscriber) -> list[str]:
    ids = [id_ for (id_,) in somebody.rows("SELECT id FROM credentials WHERE registration_id = :them AND note <> ''")]
    serials = list(somebody.held().values())
    return sorted({placed(path, serial=serial, id=id_) for path in PAGES for serial in serials for id_ in ids})


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_what_is_registered_or_written_is_text_on_every_page(writer: Subscriber, language: str) -> None:
    for what in ("key", "code"):
        for text in TEXTS:
            made = writer.post(f"/devices/new/{what}", {"csrf": writer.csrf, "note": text})
            assert made.status in {200, 400, 409, 422}
            assert planted(made.text) == []

    seen = 0
    for place in pages(writer):
        answer = writer.get(place, **{"Accept-Language": language})
        if answer.headers["Content-Type"].startswith("text/html"):
            assert planted(answer.text) == [], place
            seen += f"&lt;{MARK}" in answer.text
        name = answer.headers["Content-Disposition"] or 'attachment; filename="a"'
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9.-]+"', name), name
    assert seen > 5


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_sent_comes_back_as_text(writer: Subscriber, text: str) -> None:
    sent, token = quote(text), writer.csrf
    places = [
        f"/certificates?name={sent}&serial={sent}&status={sent}",
        f"/certificates?name={sent}&after={sent}&n={sent}",
    ]
    places += [f"/history?event={sent}&since={sent}&until={sent}&after={sent}", f"/sign-in?why={sent}&gate={sent}"]
    places += [f"/password?done={sent}", f"/passkeys?done={sent}&{sent}=1", f"/devices?done={sent}", f"/?{sent}={sent}"]
    places += [
        f"/certificates/{sent}",
        f"/devices/{sent}/revoke",
        f"/nowhere/{sent}",
        f"/help/{sent}",
        f"/agreement?token={sent}",
    ]
    for place in places:
        answer = writer.get(place)
        assert planted(answer.text) == [], place

    names = (
        "note uses days networks names profiles password label reason answer profile old new again signature version"
    )
    fields = dict.fromkeys((*names.split(), "csr.signing", "sha256", "serial.signing"), text)
    for place in (
        "/apply",
        "/renew",
        "/passkeys",
        "/passkeys/new",
        "/devices/new/key",
        "/devices/new/code",
        "/password",
        f"/certificates/{writer.held()['signing']}/revoke",
        f"/certificates/{writer.held()['signing']}/prove",
        "/sign-in",
    ):
        answer = writer.post(place, {"csrf": token, **fields, **({"old": "x"} if place == "/password" else {})})
        assert answer.status in {200, 400, 403, 404, 409, 422, 429}, place
        assert planted(answer.text) == [], place


def test_an_agreement_of_the_operators_is_text_in_the_portal_too(tmp_path: Path) -> None:
    """It is their own HTML, and still neither runs nor stands in the page."""
    file = tmp_path / "terms.html"
    file.write_text(
        f"<!doctype html><title>x</title><script>{MARK}</script><p onclick='{MARK}'>You <{MARK}>keep</{MARK}> it.</p>"
    )
    house = House(tmp_path, "portal.gate=off", f'agreement.file="{file}"', 'agreement.version="1"')
    try:
        house.start()
        somebody = Subscriber(house)
        somebody.enter()
        page, text = somebody.get("/apply"), somebody.get("/agreement/1")
    finally:
        house.close()

    assert "You keep it." in re.sub(r"\s+", " ", page.text)
    assert planted(page.text) == []
    assert "script-src" not in text.headers["Content-Security-Policy"]
    assert "default-src 'none'" in text.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in text.headers["Content-Security-Policy"]
