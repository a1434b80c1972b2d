"""What an officer fills in to register a subscriber (RULES, S1)."""

from __future__ import annotations

import msgspec

from ca_core.registration.account import MAIN, Grant
from ca_core.registration.contact import Contact

LANGUAGES = ("zh-Hant", "en")
"""In which sheets, notices and pages are written."""


class Form(msgspec.Struct, frozen=True):
    """A form as it was filled in; whether it is right, `vetting` says.

    Attributes:
        account: None, or an empty one, draws one.
        uses: how often each machine credential of a sheet works; None is unlimited, UNSET is what the kind says.
        profiles: empty means the kind's.
        language: one of `LANGUAGES`.
        realm: the registration authority that it is to belong to.
        owner: the registration of the integrator that registers it; None where a person does.
    """

    kind: str
    subject: str
    uses: int | msgspec.UnsetType | None = msgspec.UNSET
    account: str | None = None
    grants: tuple[Grant, ...] = ()
    profiles: tuple[str, ...] = ()
    language: str = "zh-Hant"
    contact: Contact = Contact()
    realm: str = MAIN
    owner: str | None = None
