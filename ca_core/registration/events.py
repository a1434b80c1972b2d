"""What the journal holds of registrations beside their making and their sheets."""

from __future__ import annotations

import msgspec

from ca_core.audit.event import Event


class FieldChange(msgspec.Struct, frozen=True):
    """What a field held, and what it holds now, each as text."""

    field: str
    was: str
    now: str


class Amended(Event, frozen=True, tag="amended"):
    """An officer changed what is registered.

    Attributes:
        version: of the registration from now on.
    """

    version: int
    changes: tuple[FieldChange, ...]


class SheetActivated(Event, frozen=True, tag="sheet-activated"):
    """The machine secrets of a sheet work from now on."""

    number: int
