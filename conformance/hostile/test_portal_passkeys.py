"""Answers of passkeys that are copied, of another site, of another session or of another key: none opens anything."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import encode_cbor

from conformance.hostile.portal import SAME_ORIGIN, Answer, Browser, Subscriber
from conformance.house import House

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
EVIL = "https://evil.example"


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Passkey:
    """One key, and a browser that says what it is told to.

    Args:
        port: of the house that it is for.
    """

    def __init__(self, port: int) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.count = 0
        self._origin = f"https://localhost:{port}"

    def made(self, options: Mapping[str, Any], **said: Any) -> str:
        """What a browser answers that was asked to make it."""
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        attested = bytes(16) + len(self.id).to_bytes(2) + self.id + encode_cbor(cose)
        data = self._data(said, ATTESTED) + attested
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, said)
        return self._answer(clientDataJSON=client, attestationObject=attestation)

    def shown(self, options: Mapping[str, Any], *, key: ec.EllipticCurvePrivateKey | None = None, **said: Any) -> str:
        """What a browser answers that was asked to show it."""
        self.count += 1
        client, data = self._client("webauthn.get", options, said), self._data(said, 0)
        signature = (key or self.key).sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, said: Mapping[str, Any], more: int) -> bytes:
        flags: int = said.get("flags", PRESENT | VERIFIED)
        count: int = said.get("count", self.count)
        return (
            hashlib.sha256(said.get("host", "localhost").encode()).digest() + bytes([flags | more]) + count.to_bytes(4)
        )

    def _client(self, kind: str, options: Mapping[str, Any], said: Mapping[str, Any]) -> bytes:
        origin, challenge = said.get("origin", self._origin), said.get("challenge", options["challenge"])
        told = {"type": said.get("type", kind), "challenge": challenge, "origin": origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _answer(self, **response: bytes) -> str:
        parts = {name: b64(value) for name, value in response.items()}
        shown = {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": parts}
        return json.dumps({**shown, "clientExtensionResults": {}})


def options_in(answer: Answer) -> dict[str, Any]:
    found = re.search(r'data-options="([^"]+)"', answer.text)
    assert found is not None, answer.text
    options: dict[str, Any] = json.loads(html.unescape(found[1]))
    return options


def asked_to_make(somebody: Browser) -> dict[str, Any]:
    token = somebody.get("/password").field("csrf")
    return options_in(somebody.post("/passkeys/new", {"csrf": token, "label": "telephone"}))


def register(somebody: Browser, answer: str, label: str = "telephone") -> Answer:
    token = somebody.get("/password").field("csrf")
    return somebody.post("/passkeys", {"csrf": token, "label": label, "answer": answer})


def asked_to_show(browser: Browser) -> dict[str, Any]:
    return options_in(browser.get("/sign-in"))


def show(browser: Browser, answer: str) -> Answer:
    return browser.post("/sign-in/passkey", {"answer": answer}, SAME_ORIGIN)


@pytest.fixture
def owner(victim: Subscriber) -> tuple[Subscriber, Passkey]:
    """Somebody with a passkey."""
    passkey = Passkey(victim.house.port)
    assert register(victim, passkey.made(asked_to_make(victim))).status == 303
    return victim, passkey


FORGERIES: Mapping[str, Mapping[str, Any]] = {
    "another site": {"origin": EVIL},
    "another site with our host": {"origin": EVIL, "host": "localhost"},
    "another host": {"host": "evil.example"},
    "another port": {"origin": "https://localhost"},
    "plain": {"origin": "http://localhost"},
    "looks like ours": {"origin": "https://localhost.evil.example"},
    "another ceremony": {"type": "webauthn.create"},
    "no ceremony": {"type": ""},
    "nobody there": {"flags": VERIFIED},
    "nobody verified": {"flags": PRESENT},
    "another challenge": {"challenge": b64(bytes(56))},
    "short challenge": {"challenge": ""},
    "another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "an earlier count": {"count": 0},
}


def test_an_answer_that_another_site_or_another_key_has_made_opens_nothing(
    portal: House, owner: tuple[Subscriber, Passkey]
) -> None:
    somebody, passkey = owner
    browser = Browser(portal)
    assert show(browser, passkey.shown(asked_to_show(browser))).status == 303

    for name, said in FORGERIES.items():
        stranger = Browser(portal)
        answer = show(stranger, passkey.shown(asked_to_show(stranger), **said))
        assert (answer.status, stranger.cookies) == (403, {}), name
        assert somebody.account not in answer.text

    browser = Browser(portal)
    assert show(browser, passkey.shown(asked_to_show(browser))).status == 303


def test_an_answer_is_taken_once_however_often_it_is_sent_at_once(
    portal: House, owner: tuple[Subscriber, Passkey]
) -> None:
    answer = owner[1].shown(asked_to_show(Browser(portal)))
    browsers = [Browser(portal) for _ in range(6)]

    with ThreadPoolExecutor(len(browsers)) as threads:
        answers = list(threads.map(lambda browser: show(browser, answer), browsers))

    assert sorted(one.status for one in answers) == [303, *[403] * 5]
    assert show(Browser(portal), answer).status == 403


def test_an_answer_that_is_changed_on_its_way_opens_nothing(portal: House, owner: tuple[Subscriber, Passkey]) -> None:
    passkey = owner[1]

    def changed(change: Callable[[dict[str, Any]], object]) -> int:
        browser = Browser(portal)
        answer = json.loads(passkey.shown(asked_to_show(browser)))
        change(answer)
        return show(browser, json.dumps(answer)).status

    other = b64(secrets.token_bytes(16))
    assert changed(lambda answer: answer.update(id=other, rawId=other)) == 403
    assert changed(lambda answer: answer.update(rawId=other)) in {400, 403}
    assert changed(lambda answer: answer["response"].update(signature="")) in {400, 403}
    assert changed(lambda answer: answer["response"].update(signature=b64(bytes(70)))) == 403
    assert changed(lambda answer: answer["response"].update(authenticatorData="")) in {400, 403}
    assert changed(lambda answer: answer["response"].update(clientDataJSON=b64(b"null"))) in {400, 403}
    assert changed(lambda answer: answer.update(response=[])) in {400, 403}
    assert changed(lambda answer: answer.update(type="password")) in {400, 403}


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", "1e999", '{"id":' * 400, "x" * 60_000, "\0", '{"id":"\\ud800"}']
)
def test_what_is_no_answer_opens_nothing(portal: House, mallory: Subscriber, answer: str) -> None:
    for reply in (show(Browser(portal), answer), register(mallory, answer)):
        assert reply.status in {400, 403}
        assert reply.cookies == {}


def test_a_passkey_is_registered_by_the_session_that_was_asked_and_once(
    victim: Subscriber, mallory: Subscriber
) -> None:
    """Whoever had another's session take a passkey of theirs could come back at any time."""
    passkey = Passkey(victim.house.port)
    asked_to_make(victim)
    before = victim.state[:4]
    answer = passkey.made(asked_to_make(mallory))
    assert register(victim, answer).status == 403
    assert victim.state[:4] == before

    for name, said in FORGERIES.items():
        if name in {"another key", "an earlier count", "another ceremony"}:
            continue
        assert register(victim, passkey.made(asked_to_make(victim), **said)).status == 403, name
    assert register(victim, passkey.made(asked_to_make(victim), type="webauthn.get")).status == 403
    assert register(victim, passkey.shown(asked_to_make(victim))).status in {400, 403}
    right = passkey.made(asked_to_make(victim))
    assert register(victim, right).status == 303
    assert register(victim, right).status == 403
    # The key is somebody's now, and nobody else's.
    assert register(mallory, passkey.made(asked_to_make(mallory))).status == 409


def test_a_passkey_that_was_removed_or_is_of_an_older_sheet_opens_nothing(
    portal: House, owner: tuple[Subscriber, Passkey]
) -> None:
    somebody, passkey = owner
    place = re.findall(r'href="(/passkeys/[^"/]+/remove)"', somebody.get("/passkeys").text)[0]
    assert somebody.post(place, {"csrf": somebody.csrf}).status == 303
    browser = Browser(portal)
    assert show(browser, passkey.shown(asked_to_show(browser))).status == 403

    again = Passkey(portal.port)
    assert register(somebody, again.made(asked_to_make(somebody))).status == 303
    portal.command("sheet", somebody.account, "--json")
    browser = Browser(portal)
    assert show(browser, again.shown(asked_to_show(browser))).status == 403


def test_anothers_passkey_is_not_removed(owner: tuple[Subscriber, Passkey], mallory: Subscriber) -> None:
    somebody = owner[0]
    place = re.findall(r'href="(/passkeys/[^"/]+/remove)"', somebody.get("/passkeys").text)[0]
    before = somebody.state

    assert mallory.get(place).status == 404
    assert mallory.post(place, {"csrf": mallory.csrf}).status == 404

    assert somebody.state == before
