"""What may be a password: the manual's rule, and ours (RULES, S3).

Characters are counted in the normal form: as RFC 8265, 4.2.2 has it, every space is a plain one and composed letters
are in Unicode's form C, so that a password that is typed on another keyboard is the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from ca_core.errors import Misconfigured
from ca_core.policy import subject
from ca_core.registration.account import Registration
from ca_core.registration.errors import BadPassword, PasswordFault
from ca_core.registration.kind import PasswordPolicy
from ca_core.secret import Secret

BOUNDS = {PasswordPolicy.MANUAL: (6, 16), PasswordPolicy.MODERN: (8, 128)}
"""The fewest and the most characters."""
LEAST_SCORE = 3
"""Of zxcvbn's 0 to 4: safely unguessable, even where somebody has stolen the hashes and these are slow."""
MOST_TYPED = 1024
"""Characters that are looked at of what somebody types; nothing longer can be right."""
MOST_BLOCKED_OCTETS = 16 << 20
"""Of a blocklist: about a million and a half passwords."""
_SCORED = 64
"""Characters that the estimate looks at: it takes the square of their number, 40 ms for these at worst."""
_MOST_WORDS = 100
_FEWEST_IN_A_WORD = 3
_SPLIT = re.compile(r"[\W_]+")
# Controls, halves of characters, and what is no character; no keyboard makes them.
_NOT_TYPED = frozenset({"Cc", "Cs", "Co", "Cn"})
_NAMES_LOOKED_AT = 50


class Blocklist(msgspec.Struct, frozen=True):
    """Passwords that nobody may choose, beside those that the estimate knows.

    Attributes:
        passwords: in normal form and without regard to case.
    """

    passwords: frozenset[str] = frozenset()

    def __contains__(self, password: str) -> bool:
        """Whether a password is blocked, however it is written."""
        return password.casefold() in self.passwords

    def __len__(self) -> int:
        """How many there are."""
        return len(self.passwords)


NOTHING_BLOCKED = Blocklist()


def parse_blocklist(content: bytes, name: str) -> Blocklist:
    """Read a list, one password on each line.

    Args:
        name: of the file, for the refusal.

    Raises:
        Misconfigured: it is too long, or no text.
    """
    if len(content) > MOST_BLOCKED_OCTETS:
        raise Misconfigured(f"{name} has more than {MOST_BLOCKED_OCTETS} octets; block fewer passwords")
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise Misconfigured(f"{name} must be text in UTF-8, a password on each line") from None
    return Blocklist(frozenset(normal_form(line).casefold() for line in lines if line))


def normal_form(text: str) -> str:
    """The one spelling of a password; of what is too long to be one, its beginning."""
    spaced = "".join(" " if unicodedata.category(one) == "Zs" else one for one in text[:MOST_TYPED])
    # Halves of characters cannot be written; whoever sends them is wrong, and not our fault.
    return unicodedata.normalize("NFC", spaced).encode("utf-8", "replace").decode()


def normal_secret(typed: Secret) -> Secret:
    """The same, of what must not be shown."""
    return Secret(normal_form(typed.reveal()))


def require_length(policy: PasswordPolicy, chosen: Secret) -> None:
    """Let only a password pass of which the cheap rules hold.

    Raises:
        BadPassword: it has too few characters, too many, or one that cannot be typed.
    """
    if any(unicodedata.category(one) in _NOT_TYPED for one in chosen.reveal()[:MOST_TYPED]):
        raise BadPassword(PasswordFault.CONTROL, "a password has no control characters")
    fewest, most = BOUNDS[policy]
    length = len(normal_form(chosen.reveal()))
    if length < fewest:
        raise BadPassword(PasswordFault.TOO_SHORT, f"the password is too short: it needs {fewest} characters at least")
    if length > most:
        raise BadPassword(PasswordFault.TOO_LONG, f"the password is too long: it has {most} characters at most")


def require_unguessable(chosen: Secret, own: Iterable[str], blocked: Blocklist = NOTHING_BLOCKED) -> None:
    """Let only a password pass that nobody guesses; takes tens of milliseconds, and one at a time.

    Args:
        own: what is known of whom it is for, in words.

    Raises:
        BadPassword: it is blocked, or guessed too soon.
    """
    text = normal_form(chosen.reveal())
    if text in blocked:
        raise BadPassword(PasswordFault.BLOCKED, "this password is on a list of known ones; choose another")
    words, estimate = list(own)[:_MOST_WORDS], load_estimate()
    # The estimate takes signs between two known words for more than they are.
    is_own = len(_without(text, words)) < BOUNDS[PasswordPolicy.MODERN][0]
    if is_own or estimate(text[:_SCORED], words)["score"] < LEAST_SCORE:
        raise BadPassword(
            PasswordFault.GUESSABLE,
            "this password is guessed too easily; take several words that have nothing to do with each other or with"
            " you",
        )


def own_words(registration: Registration) -> tuple[str, ...]:
    """What is known of a subscriber, and so is no secret: whole, and word by word."""
    return tuple(dict.fromkeys(_words(registration)))[:_MOST_WORDS]


def load_estimate() -> Callable[[str, list[str]], dict[str, Any]]:
    """The estimator, from when the first password is chosen."""
    # 50 ms and 15 MB, because it brings its lists along: most processes never see one.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    found: Callable[[str, list[str]], dict[str, Any]] = zxcvbn
    return found


def _without(text: str, words: Iterable[str]) -> str:
    """What is left of a password when everything is taken away that is known of its holder."""
    left = text.casefold()
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, "")
    return left


def _words(registration: Registration) -> Iterator[str]:
    contact = registration.contact_read
    told = [registration.account]
    for oid in dict.fromkeys(subject.KEYWORDS.values()):
        told += subject.texts(registration.subject_der, oid)
    if contact is not None:
        told += [contact.name, contact.email, contact.phone, contact.identity_number, contact.address]
    told += [grant.identifier.value for grant in registration.grants[:_NAMES_LOOKED_AT]]
    for text in told:
        whole = normal_form(text).casefold()
        for word in (whole, *_SPLIT.split(whole)):
            if len(word) >= _FEWEST_IN_A_WORD:
                yield word
