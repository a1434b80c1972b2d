"""Whom to reach about a registration (RULES, S1)."""

from __future__ import annotations

import msgspec


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the RA wrote down of the person or company; an empty text is one that was not given.

    Attributes:
        name: of whom to ask for, where the subject names somebody else, or something.
        email: where notices go.
        address: of the post, in one line or several.
        identity_number: a person's ID number or a company's; of which country, the kind says.
    """

    name: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    identity_number: str = ""
