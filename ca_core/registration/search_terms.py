"""Search terms: by which words an officer finds a registration.

Found are its account, what its subject says, the contact's name and the registered names, and of each every part that
follows a full stop, a hyphen, an underscore or an at sign, or begins with a character of a script without blanks: who
looks for `shop`, `明` or `example.com` finds `www.shop.example.com` and `王小明`. What is looked for is how such a part
begins, whatever its case. What begins in the midst of a Latin word is not found, nor are telephone numbers, addresses,
mailboxes of contacts and their identity numbers: nobody is to look through those.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from ca_core import der
from ca_core.names import Kind
from ca_core.policy import subject
from ca_core.registration.account import Registration

MOST_TERMS = 1_000
"""Of one registration; what a partner with thousands of names has beyond is found by its account and its subject."""
MOST_WORDS = 4
"""Of one search; what is said beyond is not looked at."""
MOST_CHARACTERS = 64
"""Of one term, and of a word that is looked for."""

_SEPARATORS = re.compile(r"[\s,;=+\"<>()\[\]{}/\\|:'`、，。；：（）「」]+")
_KEYWORD = re.compile(r"(?:^|(?<=[\s,+]))[A-Za-z][A-Za-z0-9.-]*=")
# Where a part begins: behind a mark within a word, or at a character that is a word or half of one by itself (Han,
# kana, Hangul, and what lies beyond the Basic Multilingual Plane).
_PART = re.compile("(?<=[-._@*])[^-._@*]|[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def terms_of(registration: Registration) -> frozenset[str]:
    """Every term of a registration that was read with its contact; at most `MOST_TERMS`, those of names last."""
    found: dict[str, None] = {}
    for term in _terms(registration):
        if len(found) == MOST_TERMS:
            break
        found[term] = None
    return frozenset(found)


def words(text: str) -> tuple[str, ...]:
    """What is looked for, as terms are spelled: the longest word first, for it says most.

    Keywords of a subject that was pasted, as in `CN=`, are left out.
    """
    found = dict.fromkeys(_split(_KEYWORD.sub(" ", text)))
    return tuple(sorted(found, key=len, reverse=True)[:MOST_WORDS])


def _terms(registration: Registration) -> Iterator[str]:
    yield from _parts(registration.account)
    for text in _subject_texts(registration.subject_der):
        yield from _parts(text)
    yield from _parts(registration.contact.name)
    for grant in registration.grants:
        name = grant.identifier
        found = _parts(name.value)
        # The last label of a name is that of a million others.
        yield from (term for term in found if "." in term or term == name.value) if name.kind is Kind.DNS else found


def _subject_texts(subject_der: bytes) -> Iterable[str]:
    if subject_der == der.EMPTY_SEQUENCE:
        return
    for rdn in subject.comparable(subject_der):
        for attribute in rdn:
            # As `comparable` spells them: what is no string follows a number sign.
            _, _, value = attribute.partition("='")
            yield value


def _parts(text: str) -> Iterator[str]:
    for word in _split(text):
        yield word[:MOST_CHARACTERS]
        for part in _PART.finditer(word):
            yield word[part.start() :][:MOST_CHARACTERS]


def _split(text: str) -> list[str]:
    # What is no character at all is in no registration, and PostgreSQL takes it in no text.
    spelled = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    found = _SEPARATORS.split("".join(character if character.isprintable() else " " for character in spelled))
    return [word[:MOST_CHARACTERS] for word in found if word]
