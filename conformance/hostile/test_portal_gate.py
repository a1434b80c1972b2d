"""Answers to the gate that are copied, old, forged or too easy: no password is looked at for them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import altcha
import pytest

from conformance.hostile.portal import PASSWORD, SAME_ORIGIN, Answer, Browser
from conformance.house import House

REFUSED, ASKED_AGAIN = "Not signed in", "The check that no program signs in was not passed"
_MOST = 500


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"))
    try:
        built.start()
        yield built
        assert "event=bug" not in built.log, built.log[-4000:]
    finally:
        built.close()


@pytest.fixture(scope="module")
def account(house: House) -> str:
    """Whose password is still the sheet's."""
    return str(house.register("--kind", "person", "--subject", "CN=王小明,C=TW")["account"])


def asked(house: House) -> dict[str, Any]:
    """The work that the page for signing in asks for."""
    page = Browser(house).get("/sign-in").text
    found = re.search(r'data-work="([^"]+)"', page) or re.search(r'data-challenge="([^"]+)"', page)
    assert found is not None, page
    challenge: dict[str, Any] = json.loads(html.unescape(found[1]))
    return challenge


def solved(challenge: dict[str, Any]) -> dict[str, Any]:
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert solution is not None
    return {"challenge": challenge, "solution": solution.to_dict()}


def packed(payload: object) -> str:
    return base64.b64encode(json.dumps(payload).encode()).decode()


def sign_in(house: House, work: str, *, account: str = "nobody-here", password: str = "x", **more: str) -> Answer:
    fields = {"account": account, "password": password, "work": work, **more}
    return Browser(house).post("/sign-in", fields, SAME_ORIGIN)


def is_looked_at(answer: Answer) -> bool:
    """Whether the gate was passed."""
    assert answer.status == 403
    assert (REFUSED in answer.text) != (ASKED_AGAIN in answer.text), answer.text
    return REFUSED in answer.text


@pytest.fixture(scope="module")
def answer(house: House) -> dict[str, Any]:
    """A right one, which stays so: forgeries of it are never it."""
    return solved(asked(house))


def test_an_answer_is_taken_once_whoever_sends_it_and_for_whom(house: House, account: str) -> None:
    work = packed(solved(asked(house)))

    seen = [
        is_looked_at(sign_in(house, work)),
        is_looked_at(sign_in(house, work)),
        is_looked_at(sign_in(house, work, account=account)),
    ]

    assert seen == [True, False, False]


def test_an_answer_that_is_spelled_in_another_way_is_the_same_one(house: House) -> None:
    payload = solved(asked(house))
    spelled = [
        packed(payload),
        base64.b64encode(json.dumps(payload, indent=1).encode()).decode(),
        packed({**payload, "more": 1}),
        packed({"solution": {**payload["solution"], "time": 7, "counter": 0}, "challenge": payload["challenge"]}),
        packed(
            {**payload, "solution": {**payload["solution"], "derivedKey": payload["solution"]["derivedKey"].upper()}}
        ),
        packed({**payload, "challenge": {**payload["challenge"], "x": [1]}}),
        "\n".join(re.findall(".{1,60}", packed(payload))),
        packed(
            {**payload, "challenge": {**payload["challenge"], "signature": payload["challenge"]["signature"].upper()}}
        ),
        packed(
            {**payload, "challenge": {**payload["challenge"], "signature": payload["challenge"]["signature"] + " "}}
        ),
    ]

    seen = [is_looked_at(sign_in(house, one)) for one in spelled]

    assert seen.count(True) == 1


def test_of_copies_that_come_at_once_one_is_taken(house: House) -> None:
    work = packed(solved(asked(house)))

    with ThreadPoolExecutor(8) as threads:
        seen = list(
            threads.map(lambda number: is_looked_at(sign_in(house, work, account=f"nobody-{number}")), range(8))
        )

    assert seen.count(True) == 1


def test_an_answer_that_comes_after_five_minutes_is_none(house: House) -> None:
    work = packed(solved(asked(house)))

    house.move_clock(days=301 / 86_400)
    try:
        late = is_looked_at(sign_in(house, work))
    finally:
        house.move_clock(days=0)

    assert not late


def changed(answer: dict[str, Any], **parameters: object) -> dict[str, Any]:
    challenge = answer["challenge"]
    return {**answer, "challenge": {**challenge, "parameters": {**challenge["parameters"], **parameters}}}


def easier(answer: dict[str, Any], **parameters: object) -> dict[str, Any]:
    """The work done after it was made easy, under the signature of the hard one."""
    easy = changed(answer, **parameters)["challenge"]
    return solved(easy)


def foreign(answer: dict[str, Any]) -> dict[str, Any]:
    """Of another server, with keys of its own."""
    data = answer["challenge"]["parameters"]["data"]
    made = altcha.create_challenge(
        "PBKDF2/SHA-256", 1, counter=1, data=data, hmac_secret=b"mine", hmac_key_secret=b"mine too"
    )
    return solved(made.to_dict())


def without(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return {**answer, "challenge": {key: value for key, value in answer["challenge"].items() if key != name}}


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "foreign": foreign,
    "cheaper": lambda answer: easier(answer, cost=1, keyPrefix=""),
    "no prefix": lambda answer: easier(answer, keyPrefix=""),
    "short key": lambda answer: easier(answer, keyLength=1, keyPrefix=""),
    "other hash": lambda answer: easier(answer, algorithm="SHA-256", cost=1, keyPrefix=""),
    "no key signature": lambda answer: easier(changed(answer, keySignature=None), keyPrefix=""),
    "later": lambda answer: changed(answer, data={"ends": 99_999_999_999}),
    "no end": lambda answer: changed(answer, data=None),
    "end in words": lambda answer: changed(answer, data={"ends": "never"}),
    "infinite end": lambda answer: changed(answer, data={"ends": float("inf")}),
    "signed by nobody": lambda answer: without(answer, "signature"),
    "signature null": lambda answer: {**answer, "challenge": {**answer["challenge"], "signature": None}},
    "signature true": lambda answer: {**answer, "challenge": {**answer["challenge"], "signature": True}},
    "signature list": lambda answer: {**answer, "challenge": {**answer["challenge"], "signature": []}},
    "signature of zeros": lambda answer: {**answer, "challenge": {**answer["challenge"], "signature": "0" * 64}},
    "no work": lambda answer: {**answer, "solution": {"counter": 0, "derivedKey": ""}},
    "no solution": lambda answer: {"challenge": answer["challenge"]},
    "guessed": lambda answer: {**answer, "solution": {"counter": 1, "derivedKey": "00" * 32}},
    "null": lambda _: None,
    "list": lambda _: [],
    "number": lambda _: 1e400,
    "deep": lambda _: json.loads("[" * _MOST + "]" * _MOST),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_is_no_answer_to_what_was_asked_here_opens_nothing(
    house: House, answer: dict[str, Any], forgery: str
) -> None:
    assert not is_looked_at(sign_in(house, packed(FORGERIES[forgery](answer))))


@pytest.mark.parametrize(
    "work",
    [
        "",
        "=",
        "AAAA",
        "\0",
        "null",
        "e30=",
        "[" * 4000,
        "A" * 5000,
        "A" * 60_000,
        "\u202e",
        base64.b64encode(b'{"challenge":' * 300).decode(),
    ],
)
def test_what_cannot_be_read_opens_nothing(house: House, work: str) -> None:
    found = sign_in(house, work)

    assert found.status == 400 or not is_looked_at(found)


def test_digits_that_are_guessed_open_nothing_and_one_guess_is_all(house: House) -> None:
    page = Browser(house).get("/sign-in?gate=picture")
    picture = page.field("picture")
    assert Browser(house).get(f"/gate/{picture}.png").headers["Content-Type"] == "image/png"

    with ThreadPoolExecutor(8) as threads:
        guesses = [f"{number:06}" for number in range(8)]
        seen = list(threads.map(lambda guess: is_looked_at(sign_in(house, "", picture=picture, code=guess)), guesses))

    # One in 125,000 runs is lucky.
    assert seen == [False] * 8
    marks = house.behind_its_back("SELECT count(*) FROM spent_marks")
    assert marks[0][0] > 0


@pytest.mark.parametrize("picture", ["", "x", "..", "A" * 60, "A" * 5000, "é", "\0"])
def test_a_picture_that_was_not_asked_is_not_there(house: House, picture: str) -> None:
    found = sign_in(house, "", picture=picture, code="123456")

    assert found.status == 400 or not is_looked_at(found)


def test_no_password_is_looked_at_before_the_gate_is_passed(house: House) -> None:
    sheet = house.register("--kind", "person", "--subject", "CN=陳小華,C=TW")
    for number in range(5):
        assert not is_looked_at(sign_in(house, "", account=sheet["account"], password=f"guess {number}"))

    work = packed(solved(asked(house)))
    right = sign_in(house, work, account=sheet["account"], password=sheet["initial_password"])

    assert right.headers["Location"] == "/password"
    assert PASSWORD not in house.log


def test_an_answer_is_taken_for_nothing_else(house: House, answer: dict[str, Any]) -> None:
    work = packed(answer)
    for fields in ({"code": work}, {"picture": work, "code": "1"}, {"answer": work}, {"csrf": work}):
        browser = Browser(house)
        found = browser.post("/sign-in", {"account": "nobody", "password": "x", **fields}, SAME_ORIGIN)
        assert not is_looked_at(found)
