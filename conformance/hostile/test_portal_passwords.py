"""Passwords that are guessed, changed by others or asked about: what is answered tells nothing, and nothing changes."""

from __future__ import annotations

from itertools import count

from conformance.hostile.portal import PASSWORD, SAME_ORIGIN, Answer, Browser, Subscriber
from conformance.house import House

NEW = "lobster paints nine moons"
_sources = (f"127.0.1.{number}" for number in count(1))


def octets(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer but the clock."""
    return answer.status, [(name, value) for name, value in answer.headers.items() if name != "Date"], answer.body


def test_no_password_is_changed_without_the_old_one_or_to_a_bad_one(portal: House, victim: Subscriber) -> None:
    source = next(_sources)
    bad = (
        {"new": NEW, "again": NEW},
        {"old": NEW, "new": NEW, "again": NEW},
        {"old": "wrong", "new": NEW, "again": NEW},
        {"old": PASSWORD, "new": NEW, "again": ""},
        {"old": PASSWORD, "new": NEW, "again": PASSWORD},
        {"old": PASSWORD, "new": PASSWORD, "again": PASSWORD},
        {"old": PASSWORD, "new": "short", "again": "short"},
        {"old": PASSWORD, "new": "a" * 129, "again": "a" * 129},
        {"old": PASSWORD, "new": "password", "again": "password"},
        {"old": "a" * 10_000, "new": NEW, "again": NEW},
    )
    browser = victim.again(source)
    token, before = browser.get("/password").field("csrf"), dict(browser.cookies)

    for fields in bad:
        answer = browser.post("/password", {"csrf": token, "account": "someone-else", **fields})
        assert (answer.status in {403, 422}, answer.cookies) == (True, {}), fields
        # It begins to count anew: these guesses together are not to suspend.
        assert Browser(portal, source=source).sign_in(victim.account, PASSWORD).status == 303, fields

    assert browser.cookies == before
    assert browser.get("/certificates").status == 200
    assert Browser(portal, source=source).sign_in(victim.account, NEW).status == 403


def test_whoever_finds_a_browser_signed_in_has_three_guesses_at_the_password(victim: Subscriber) -> None:
    token = victim.csrf
    answers = [
        victim.post("/password", {"csrf": token, "old": f"guess {number}", "new": NEW, "again": NEW})
        for number in range(3)
    ]

    last = victim.post("/password", {"csrf": token, "old": PASSWORD, "new": NEW, "again": NEW})

    assert {answer.status for answer in (*answers, last)} == {403}
    assert victim.sign_in(victim.account, PASSWORD).status == 403
    assert victim.sign_in(victim.account, NEW).status == 403


def test_three_wrong_ones_suspend_and_the_right_one_is_answered_to_the_octet_as_they_are(victim: Subscriber) -> None:
    source = next(_sources)
    wrong = [Browser(victim.house, source=source).sign_in(victim.account, f"guess {number}") for number in range(3)]

    right = Browser(victim.house, source=source).sign_in(victim.account, PASSWORD)

    assert len({str(octets(answer)) for answer in (*wrong, right)}) == 1
    assert right.status == 403
    assert right.cookies == {}


def test_nobody_learns_by_signing_in_which_accounts_there_are_and_how_they_stand(portal: House) -> None:
    suspended, closed, held = (Subscriber(portal) for _ in range(3))
    for each in (suspended, closed, held):
        each.enter()
    portal.command("suspend", suspended.account)
    portal.command("close", closed.account)
    device = portal.register("--kind", "device", "--subject", "CN=meter,C=TW")
    fresh = Subscriber(portal)
    asked = {
        "wrong": held.account,
        "initial": fresh.account,
        "unknown": "nobody-at-all",
        "empty": "",
        "long": "x" * 500,
        "other case": held.account.upper(),
        "odd": "\u202e' OR 1=1 --",
        "suspended": suspended.account,
        "closed": closed.account,
        "without a password": device["account"],
    }

    # That the time is the same, too, is measured where nothing else runs: tests/ca_core/registration.
    seen = {
        name: str(octets(Browser(portal, source=next(_sources)).sign_in(account, "stale password")))
        for name, account in asked.items()
    }

    assert len(set(seen.values())) == 1, seen


def test_what_is_not_the_password_opens_nothing(portal: House, victim: Subscriber) -> None:
    """Each is followed by the right one, after which counting begins anew."""
    source = next(_sources)
    for typed in (
        "",
        "\0",
        "a" * 60_000,
        "\xed\xa0\x80",
        "%",
        PASSWORD.upper(),
        f"{PASSWORD}x",
        f"{PASSWORD}\n{PASSWORD}",
    ):
        answer = Browser(portal, source=source).sign_in(victim.account, typed)
        assert (answer.status in {400, 403, 413}, answer.cookies) == (True, {}), typed
        assert Browser(portal, source=source).sign_in(victim.account, PASSWORD).status == 303, typed


def test_a_flood_of_guesses_is_stopped_wherever_it_says_it_comes_from(portal: House) -> None:
    """One more is allowed each minute, however slow the machine is."""
    source, found = next(_sources), list[Answer]()
    names = ("X-Forwarded-For", "X-Real-IP", "Client-IP", "True-Client-IP")
    for number in range(16):
        said = {**dict.fromkeys(names, f"192.0.2.{number}"), "Forwarded": f"for=192.0.2.{number}"}
        fields = {"account": "guessed-at-by-many", "password": f"guess {number}"}
        found.append(Browser(portal, source=source).post("/sign-in", fields, {**SAME_ORIGIN, **said}))

    throttled = [answer for answer in found if answer.status == 429]

    assert [answer.status for answer in found[:9]] == [403] * 9
    assert throttled
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in throttled)
    assert not portal.behind_its_back("SELECT 1 FROM journal WHERE actor LIKE '%192.0.2.%'")
