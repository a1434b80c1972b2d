"""Who did something, in the reader's language; the journal writes it as a code, such as `est:certificate:192.0.2.1`."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from ca_core.applicant import Door
from ca_core.staff.role import Role
from server.web.actor_words import BEHALF, OFFICE, PATTERNS, PROOFS
from server.web.languages import Texts

Word = Callable[[str, str], str]
"""A code and its group, such as `suspended` and `status`, as a word; the code itself where there is none."""
_STAFF = frozenset(Role)
_DOORS = frozenset(Door)
_REGISTRATION_AUTHORITY = "ra-"
# Chinese characters, and what separates them.
_NEEDLESS = re.compile(
    r"(?<=[\u3000-\u303f\uff00-\uffef]) | (?=[\u3000-\u303f\uff00-\uffef])|(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])"
)


def tidied(text: str) -> str:
    """A text whose holes are filled: there is no blank between Chinese characters, nor before or behind their marks."""
    return _NEEDLESS.sub("", text)


class Who(msgspec.Struct, frozen=True):
    """Who did something.

    Attributes:
        name: as words, to stand in a sentence.
        source: from where: a textual IP address; empty where nobody came from anywhere.
    """

    name: str
    source: str = ""


def who(code: str, texts: Texts, word: Word, *, is_for_holder: bool = False) -> Who:
    """Read what the journal writes; what is not known is shown as it is.

    Args:
        is_for_holder: whether a subscriber is told, to whom an officer is the registration authority and has no name.
    """
    door, _, rest = code.partition(":")
    proof, _, source = rest.partition(":")
    if proof in _STAFF and source and is_for_holder and door != Door.SERVER:
        return Who(texts.gettext(OFFICE))
    if proof in _STAFF and source:
        name = f"{word(proof, 'role')} {source}"
        if door in {Door.API, Door.CLI}:
            name = tidied(texts.gettext(PATTERNS[f"staff.{door}"]) % {"role": word(proof, "role"), "name": source})
        # Whoever works for the server itself has no name.
        return Who(texts.gettext(PATTERNS["server"]) if door == Door.SERVER else name)
    if door == Door.SERVER:
        return Who(texts.gettext(PATTERNS["server"]))
    if door not in _DOORS or not source:
        return Who(code)
    name, how = _applicant(proof, texts)
    pattern = texts.gettext(PATTERNS["how" if how else "through"])
    return Who(tidied(pattern % {"who": name, "how": how, "door": word(door, "door")}), source)


def _applicant(proof: str, texts: Texts) -> tuple[str, str]:
    if proof.startswith(_REGISTRATION_AUTHORITY):
        return proof.removeprefix(_REGISTRATION_AUTHORITY), texts.gettext(BEHALF)
    name, how = PROOFS.get(proof, (proof, ""))
    return texts.gettext(name), texts.gettext(how) if how else ""
