"""RFC 8555, 7.5 and 8: authorizations and their challenges, with a web server that answers them."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any, BinaryIO

import pytest

from conformance.acme import Client, b64, csr, new_key
from conformance.house import House
from conformance.responder import Responder, answered, challenges, page, proof, saying, settled


def test_a_proved_authorization_says_until_when(challenged: Client, site: Responder) -> None:
    name = "until.proved.localhost"
    site.play(name, proof(challenged))
    order = challenged.new_order(name).json

    (challenge,) = answered(challenged, order)
    shown = challenged.post(order["authorizations"][0]).json

    assert (challenge["status"], shown["status"]) == ("valid", "valid")
    assert datetime.fromisoformat(challenge["validated"]) < datetime.fromisoformat(shown["expires"])


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({}, 200),
        ({"type": "http-01", "keyAuthorization": "x", "status": "valid", "token": "mine"}, 200),
        (b"[]", 400),
        (b"null", 400),
        (b"{", 400),
        (b"\xff", 400),
    ],
)
def test_an_answer_says_by_being_there_and_nothing_else(
    challenged: Client, payload: dict[str, Any] | bytes, status: int
) -> None:
    (challenge,) = challenges(challenged, challenged.new_order("answer.proved.localhost").json)

    answer = challenged.post(challenge["url"], payload)

    assert answer.status == status
    if status == 200:
        assert answer.json["token"] == challenge["token"]
        assert answer.json["status"] == "processing"
        assert f"<{challenge['url'].rpartition('/challenge/')[0]}/authz/" in str(answer.headers.get_all("Link"))
    else:
        assert challenged.post(challenge["url"]).json["status"] == "pending"


def test_a_failed_challenge_stays_and_says_why(challenged: Client, site: Responder) -> None:
    name = "wrong.proved.localhost"
    site.play(name, saying(page(b"something else")))
    order = challenged.new_order(name)

    (challenge,) = answered(challenged, order.json)

    assert challenge["status"] == "invalid"
    assert challenge["error"]["type"] == "urn:ietf:params:acme:error:incorrectResponse"
    assert name in challenge["error"]["detail"]
    shown = challenged.post(order.json["authorizations"][0]).json
    assert shown["status"] == "invalid"
    assert challenge in shown["challenges"]
    assert challenged.post(order.headers["Location"]).json["status"] == "invalid"


def test_a_poll_meanwhile_is_answered(challenged: Client, site: Responder) -> None:
    name, go_on = "slow.proved.localhost", threading.Event()
    right = proof(challenged)

    def hesitate(path: str, out: BinaryIO) -> None:
        go_on.wait(8)
        right(path, out)

    site.play(name, hesitate)
    order = challenged.new_order(name).json
    (challenge,) = challenges(challenged, order)
    challenged.post(challenge["url"], {})

    polls = [challenged.post(url) for url in (order["authorizations"][0], challenge["url"])]
    go_on.set()

    assert [(poll.status, poll.json["status"]) for poll in polls] == [(200, "pending"), (200, "processing")]
    assert all(int(poll.headers["Retry-After"]) > 0 for poll in polls)
    assert settled(challenged, challenge["url"])["status"] == "valid"


def test_nobody_gives_up_anothers_authorization(
    shared: House, challenged: Client, challenged_sheet: dict[str, Any]
) -> None:
    url = challenged.new_order("mine.proved.localhost").json["authorizations"][0]
    other = Client(shared)
    other.new_account(challenged_sheet["eab"])

    assert other.post(url, {"status": "deactivated"}).status == 404
    assert challenged.post(url).json["status"] == "pending"


def test_what_was_given_up_issues_nothing(challenged: Client, site: Responder) -> None:
    name = "given-up.proved.localhost"
    site.play(name, proof(challenged))
    order = challenged.new_order(name)
    answered(challenged, order.json)

    gone = challenged.post(order.json["authorizations"][0], {"status": "deactivated"})

    assert (gone.status, gone.json["status"]) == (200, "deactivated")
    assert challenged.post(order.json["finalize"], {"csr": b64(csr(new_key(), name))}).problem == "orderNotReady"
    assert challenged.new_order(name).json["status"] == "pending"


def test_white_space_after_the_key_authorization_does_not_matter(challenged: Client, site: Responder) -> None:
    name = "blank.proved.localhost"
    site.play(name, proof(challenged, after=b" \r\n\n"))

    (challenge,) = answered(challenged, challenged.new_order(name).json)

    assert challenge["status"] == "valid"


def test_a_redirect_is_followed(shared: House, challenged: Client, site: Responder) -> None:
    name, other = "moved.proved.localhost", "target.proved.localhost"
    site.play(other, proof(challenged))

    def lead(path: str, out: BinaryIO) -> None:
        target = f"http://{other}:{shared.http_01_port}{path}"
        out.write(page(b"", status="302 Found", headers=f"Location: {target}\r\n"))

    site.play(name, lead)

    (challenge,) = answered(challenged, challenged.new_order(name).json)

    assert challenge["status"] == "valid"
    assert site.asked[other] == 1
