"""By which words a registration is found."""

from __future__ import annotations

import msgspec
import pytest

from ca_core import der, names
from ca_core.policy.subject import subject_der
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.contact import Contact
from ca_core.registration.search_terms import MOST_CHARACTERS, MOST_TERMS, MOST_WORDS, terms_of, words

REGISTRATION = Registration(
    id="1",
    account="acme-corp.tw",
    kind="organization",
    status=Status.ACTIVE,
    subject="CN=王小明,O=Example\\, Inc.,C=TW",
    subject_der=subject_der("CN=王小明,O=Example\\, Inc.,C=TW"),
    grants=(
        Grant(names.dns("www.shop.example.com")),
        Grant(names.email("Ann@b.example")),
        Grant(names.ip("192.0.2.7")),
    ),
    profiles=("tls-server",),
    language="en",
    uses=None,
    sheet=1,
    created_at=0,
    expires_at=1,
    contact_read=Contact(name="Ann O'Neill", email="secret@b.example", phone="0912", identity_number="A123456789"),
)


def found(text: str, registration: Registration = REGISTRATION) -> bool:
    terms = terms_of(registration)
    return bool(words(text)) and all(any(term.startswith(word) for term in terms) for word in words(text))


@pytest.mark.parametrize(
    "text",
    [
        "acme-corp.tw",
        "ACME",
        "corp",
        "王小明",
        "小明",
        "明",
        "Example, Inc.",
        "CN=王小明,O=Example",
        "ann neill",
        "www.shop",
        "shop.example.com",
        "example.com",
        "ann@b",
        "b.example",
        "192.0.2.7",
        "ｅｘａｍｐｌｅ",  # noqa: RUF001  # as input methods write it
    ],
)
def test_who_knows_how_a_part_begins_finds_it(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize("text", ["", " ,;", "xample", "secret", "0912", "A123456789", "acme nobody", "\0"])
def test_what_is_within_a_word_or_nobodys_business_finds_nothing(text: str) -> None:
    assert not found(text)


def test_the_last_label_of_a_name_is_everybodys() -> None:
    assert "com" not in terms_of(REGISTRATION)
    assert "localhost" in terms_of(msgspec.structs.replace(REGISTRATION, grants=(Grant(names.dns("localhost")),)))


def test_the_longest_word_leads_and_of_many_the_longest_are_looked_for() -> None:
    assert words("b.example ann b.example") == ("b.example", "ann")
    assert len(words("one two three four five six")) == MOST_WORDS
    assert words("x" * 100) == ("x" * MOST_CHARACTERS,)


def test_thousands_of_names_are_not_thousands_of_terms() -> None:
    many = tuple(Grant(names.dns(f"host{number}.b.example")) for number in range(2 * MOST_TERMS))

    terms = terms_of(msgspec.structs.replace(REGISTRATION, grants=many))

    assert len(terms) == MOST_TERMS
    assert {"acme-corp.tw", "王小明", "neill"} < terms


def test_a_registration_without_a_subject_is_found_by_its_account() -> None:
    bare = msgspec.structs.replace(REGISTRATION, subject="", subject_der=der.EMPTY_SEQUENCE, grants=())

    assert found("acme", bare)
    assert not found("王", bare)
