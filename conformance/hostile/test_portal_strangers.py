"""What is another subscriber's: under no address and in no field is it there, and nothing of it changes."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from conformance.hostile.portal import ROUTES, Answer, Subscriber, csr, placed
from conformance.hostile.test_portal_passkeys import Passkey, asked_to_make, register
from conformance.house import House

NOWHERE = {"serial": "5e1fab1e" * 5, "id": "decade00" * 4, "name": "facade01" * 2}
NAMED = [(method, path) for method, path, step in ROUTES if step and re.search(r"\{(serial|id|name)\}", path)]


class Owner(NamedTuple):
    """Somebody who has one of everything."""

    subscriber: Subscriber
    serial: str
    id: str
    code: str
    acme: str
    passkey: str

    def parts(self, path: str) -> dict[str, str]:
        id_ = self.acme if "/accounts/" in path else self.id
        return {"serial": self.serial, "id": id_, "name": self.passkey}


@pytest.fixture(scope="module")
def owner(portal: House) -> Owner:
    made = Subscriber(portal)
    made.enter()
    serial = made.certify("signing")["signing"]
    key = Passkey(portal.port)
    assert register(made, key.made(asked_to_make(made))).status == 303
    (passkey,) = re.findall(r'href="/passkeys/([^"/]+)/remove"', made.get("/passkeys").text)
    return Owner(made, serial, made.device("key"), made.device("code"), made.acme_account(), passkey)


def said(answer: Answer, *parts: str) -> tuple[int, list[tuple[str, str]], str]:
    """An answer without what was asked for, and without what differs each time."""
    text = answer.text
    for part in parts:
        text = text.replace(part, "-")
    headers = [(name, value) for name, value in answer.headers.items() if name not in {"Date", "Content-Length"}]
    return answer.status, headers, text


@pytest.mark.parametrize(("method", "path"), NAMED)
def test_what_is_anothers_is_as_what_is_nowhere(owner: Owner, mallory: Subscriber, method: str, path: str) -> None:
    before, csrf = owner.subscriber.state, mallory.csrf
    fields = {"csrf": csrf, "reason": "superseded", "confirmed": "yes", "proof": "AAAA", "password": "x"}
    theirs, nowhere = (placed(path, **parts) for parts in (owner.parts(path), NOWHERE))

    answers = [mallory.get(one) if method == "GET" else mallory.post(one, fields) for one in (theirs, nowhere)]

    first, second = (said(answer, *owner.parts(path).values(), *NOWHERE.values()) for answer in answers)
    assert first == second
    assert first[0] == 404
    assert owner.subscriber.account not in first[2]
    assert owner.subscriber.state == before


@pytest.mark.parametrize("spelling", ["{0}", "{0:upper}", "0x{0}", "{0}%00", "%20{0}", "{0}/", "{0}%2f..", "{0}'--"])
def test_no_spelling_of_anothers_serial_opens_it(owner: Owner, mallory: Subscriber, spelling: str) -> None:
    written = spelling.replace("{0:upper}", owner.serial.upper()).replace("{0}", owner.serial)

    for path in (f"/certificates/{written}", f"/certificates/{written}/file/pem", f"/apply/lost/{written}"):
        answer = mallory.get(path)
        assert (answer.status, "BEGIN CERTIFICATE" in answer.text) == (404, False), path


def test_an_enrollment_code_is_changed_by_its_holder_alone(owner: Owner, mallory: Subscriber) -> None:
    before, csrf = owner.subscriber.state, mallory.csrf

    for what in ("revoke", "rotate"):
        assert mallory.post(f"/devices/{owner.code}/{what}", {"csrf": csrf}).status == 404

    assert owner.subscriber.state == before


def test_what_is_no_key_and_no_code_is_none_of_the_page(owner: Owner) -> None:
    """A password is a credential too."""
    somebody = owner.subscriber
    rows = somebody.rows("SELECT id FROM credentials WHERE registration_id = :them AND kind LIKE '%password%'")
    before = somebody.state

    for (id_,) in rows:
        assert somebody.post(f"/devices/{id_}/revoke", {"csrf": somebody.csrf}).status == 404

    assert rows
    assert somebody.state == before


def test_anothers_certificate_is_not_renewed(owner: Owner, mallory: Subscriber) -> None:
    before = owner.subscriber.state, mallory.state
    for profile in ("signing", "encryption", "device", "nothing"):
        fields = [("csrf", mallory.csrf), ("profile", profile), (f"serial.{profile}", owner.serial)]
        fields += [(f"csr.{profile}", csr(ec.generate_private_key(ec.SECP256R1())))]

        answer = mallory.post("/renew", fields)

        assert (answer.status, owner.subscriber.account in answer.text) == (404, False)
    assert (owner.subscriber.state, mallory.state) == before


def test_anothers_key_is_not_certified_and_its_holder_is_not_told(owner: Owner, mallory: Subscriber) -> None:
    before = mallory.held()
    fields = [("csrf", mallory.csrf), ("profile", "signing"), ("csr.signing", csr(owner.subscriber.key))]

    answer = mallory.post("/apply", fields)

    assert answer.status in {409, 422}
    assert owner.serial not in answer.text
    assert owner.subscriber.account not in answer.text
    assert mallory.held() == before


def test_names_that_are_anothers_are_not_certified(owner: Owner, mallory: Subscriber) -> None:
    before, theirs = mallory.held(), f"www.{owner.subscriber.zone}"
    token = ("csrf", mallory.csrf), ("profile", "tls-server")

    for names in ((), (theirs,), (f"www.{mallory.zone}", theirs)):
        key = ec.generate_private_key(ec.SECP256R1())
        fields = [*token, ("csr.tls-server", csr(key, *names)), ("names.tls-server", f"dns:{theirs}")]
        answer = mallory.post("/apply", fields)
        assert answer.status == 422, answer.text
    made = mallory.post("/devices/new/key", {"csrf": mallory.csrf, "names": theirs})

    assert made.status == 422
    assert mallory.held() == before


@pytest.mark.parametrize("profile", ["officer", "../signing", "ocsp", "cmc", "tls-client", "root", ""])
def test_a_profile_that_was_not_granted_is_not_issued(mallory: Subscriber, profile: str) -> None:
    before = mallory.state
    fields = [("csrf", mallory.csrf), ("profile", profile), (f"csr.{profile}", csr(mallory.key))]

    answers = (
        mallory.post("/apply", fields),
        mallory.post("/devices/new/code", {"csrf": mallory.csrf, "profiles": profile}),
    )

    assert answers[0].status in {409, 422}
    if profile:
        assert answers[1].status == 422
        assert mallory.state == before


def test_lists_and_records_show_nobody_elses_whatever_page_is_asked_for(owner: Owner, mallory: Subscriber) -> None:
    somebody = owner.subscriber
    places = [f"/history?account={somebody.account}", f"/certificates?account={somebody.account}"]
    places += [f"/certificates?serial={owner.serial}", "/certificates?name=%25", "/certificates?name=_"]
    for row, at in somebody.rows("SELECT id, at FROM journal WHERE registration_id = :them"):
        for after in (row, f"{at}.{row}", f"{at}:{row}", base64.urlsafe_b64encode(f"{at}.{row}".encode()).decode()):
            places += [f"/{page}?after={after}" for page in ("history", "certificates", "download", "revoke")]

    for place in places:
        answer = mallory.get(place)
        main = answer.text.partition("<main")[2].partition("<footer")[0]
        assert answer.status in {200, 400}, place
        assert owner.serial not in re.sub(r'value="[^"]*"', "", main), place
        assert somebody.account not in re.sub(r'value="[^"]*"', "", main), place


def test_anothers_key_revokes_nothing_of_theirs_through_ones_own_session(owner: Owner, mallory: Subscriber) -> None:
    """Who has stolen a key proves it at its own address, and there it is theirs whose session it is."""
    own = mallory.held() or mallory.certify("signing")
    mallory.get(f"/certificates/{own['signing']}/revoke")
    before = owner.subscriber.state
    signature = owner.subscriber.key.sign(b"x", ec.ECDSA(hashes.SHA256()))
    fields = {"csrf": mallory.csrf, "proof": base64.b64encode(signature).decode()}

    answer = mallory.post(f"/certificates/{owner.serial}/prove", fields)

    assert answer.status == 404
    assert owner.subscriber.state == before
