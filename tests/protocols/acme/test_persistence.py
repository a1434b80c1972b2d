"""dns-persist-01: draft-ietf-acme-dns-persist-02, sections 3 to 5, 9.3 and 10."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.acme import persistence
from protocols.acme.persistence import Expected, Verdict

PREFIX = "https://ca.example/account-hash/"
ACCOUNT = "https://ca.example/acct/123"
# RFC 7638, 3.1, as the draft uses it.
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
HERE = "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
ANYWHERE = "NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"
URI = f"{PREFIX}sha-256/{HERE}"
NOW = 1_721_952_000
EXPECTED = Expected(
    issuers=("authority.example", "ca.example.net"),
    prefix=PREFIX,
    account_uris=persistence.account_uris(PREFIX, "example.com", [THUMBPRINT], ACCOUNT),
    wildcard=False,
    now=NOW,
)
WILD = Expected(EXPECTED.issuers, PREFIX, EXPECTED.account_uris, wildcard=True, now=NOW)


def judged(*texts: str, expected: Expected = EXPECTED) -> Verdict:
    return persistence.judged([text.encode() for text in texts], expected, "TXT")


def test_the_hashed_uri_is_that_of_the_draft() -> None:
    assert persistence.account_uri(PREFIX, "example.com", THUMBPRINT, ACCOUNT) == URI
    assert persistence.account_uri(PREFIX, "*", THUMBPRINT, ACCOUNT) == f"{PREFIX}sha-256/{ANYWHERE}"
    assert EXPECTED.account_uris == {URI, f"{PREFIX}sha-256/{ANYWHERE}"}


def test_an_earlier_key_of_the_account_is_as_good() -> None:
    both = persistence.account_uris(PREFIX, "example.com", ["new", THUMBPRINT], ACCOUNT)

    assert both > EXPECTED.account_uris


@pytest.mark.parametrize(
    ("text", "good_until"),
    [
        (f"authority.example; accounturi={URI}", None),
        (f"Authority.Example;accounturi={URI}", None),
        (f"ca.example.net; accounturi={PREFIX}sha-256/{ANYWHERE}", None),
        (f"authority.example; accounturi={URI}; unknown=1; unknown=2", None),
        (f"authority.example; accounturi={URI}; policy=anything", None),
        (f"authority.example; accounturi={URI}; persistUntil={NOW}", NOW),
        (f"authority.example; persistUntil={NOW + 5}; accounturi={URI}", NOW + 5),
    ],
)
def test_a_record_proves(text: str, good_until: int | None) -> None:
    assert judged(text) == Verdict(good_until=good_until)


@pytest.mark.parametrize(
    ("text", "problem", "words"),
    [
        (f"other.example; accounturi={URI}", "unauthorized", "none of the records names authority.example or"),
        ("v=spf1 -all", "unauthorized", "none of the records"),
        ("authority.example", "malformed", "no accounturi"),
        (f"authority.example; accounturi={ACCOUNT}", "malformed", "is not https://ca.example/account-hash/sha-256/"),
        (f"authority.example; accounturi={PREFIX}sha-512/{HERE}", "malformed", "is not https://"),
        (f"authority.example; accounturi={PREFIX}sha-256/{HERE}x", "malformed", "is not https://"),
        (f"authority.example; accounturi={URI}; accounturi={URI}", "malformed", "accounturi twice"),
        (f"authority.example; accounturi={URI}; policy=a; policy=b", "malformed", "policy twice"),
        (f"authority.example; accounturi={URI}; persistUntil=2030-01-01", "malformed", "no number"),
        (f"authority.example; accounturi={URI}; persistUntil=", "malformed", "no number"),
        (f"authority.example; accounturi={URI}; persistUntil={NOW - 1}", "unauthorized", "is over"),
        (f"authority.example; accounturi={PREFIX}sha-256/{HERE.upper()}", "unauthorized", "another account"),
    ],
)
def test_a_record_does_not(text: str, problem: str, words: str) -> None:
    verdict = judged(text)

    assert verdict.problem == problem
    assert words in verdict.detail


def test_a_wildcard_needs_the_policy() -> None:
    record = f"authority.example; accounturi={URI}"

    assert judged(f"{record}; policy=WildCard", expected=WILD) == Verdict()
    assert "policy=wildcard" in judged(record, expected=WILD).detail


def test_one_of_several_records_is_enough_and_the_longest_counts() -> None:
    record = f"authority.example; accounturi={URI}"

    assert judged("authority.example", f"{record}; persistUntil={NOW + 1}", f"{record}; persistUntil={NOW + 9}") == (
        Verdict(good_until=NOW + 9)
    )
    assert judged(f"{record}; persistUntil={NOW + 1}", record) == Verdict()


def test_of_several_that_do_not_the_nearest_is_told() -> None:
    verdict = judged("authority.example", f"authority.example; accounturi={URI}; persistUntil=1")

    assert (verdict.problem, verdict.detail) == ("unauthorized", "TXT: the record has a persistUntil that is over")


@given(st.lists(st.binary(), max_size=3))
def test_any_bytes_are_judged(texts: list[bytes]) -> None:
    assert persistence.judged(texts, EXPECTED, "TXT").problem == "unauthorized"
