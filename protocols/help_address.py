"""Which page of ours says what happened and what to do: each leaf of the error tree has one, at an address that stays.

The pages themselves are `server.web.help`'s; what they are called is written down in its test, so that whoever renames
a leaf sees that an address would change which clients' logs have kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from ca_core import errors as core

PREFIX = "/help/"
INTERNAL_ERROR = "internal-error"
"""Of our own fault, which is no leaf."""
WAITING = "waiting"
"""Of a request that an officer must look at: a result, and no leaf either."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_OTHERWISE: Mapping[type[core.Refusal], str] = MappingProxyType({core.StaffUnproven: "unproven"})


def word(leaf: type[core.Refusal]) -> str:
    """What a refusal is called outside: its class's name, in lower case with hyphens."""
    return _OTHERWISE.get(leaf) or _CAPITAL.sub("-", leaf.__name__).lower()


def path(word_: str) -> str:
    """Where the page of a word is."""
    return PREFIX + word_
