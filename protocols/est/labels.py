"""EST labels: what the operator sets for the clients of one profile (RFC 7030, 3.2.2).

A label bears its profile's name. What is set for it holds however its profile is reached: with the label in the path,
and without one where it is the registration's default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from protocols.est.errors import UnknownLabel
from protocols.est.messages import Wire


class CsrAttributes(StrEnum):
    """What `/csrattrs` is worth.

    `ADVISED` tells clients what to ask for, and lets a request pass that does not; `ENFORCED` refuses it. What kinds
    of keys a profile certifies is enforced either way.
    """

    ADVISED = "advised"
    ENFORCED = "enforced"


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is set for one label.

    Attributes:
        wire: how base64 is laid out.
        csrattrs: what `/csrattrs` is worth.
    """

    wire: Wire = Wire.AUTO
    csrattrs: CsrAttributes = CsrAttributes.ADVISED


PLAIN = Label()
"""What holds where no label does."""


class Labels:
    """All labels.

    Args:
        labels: by name; each profile that EST offers has one.
    """

    def __init__(self, labels: Mapping[str, Label]) -> None:
        self._labels = labels

    def named(self, name: str | None) -> Label:
        """What is set for the label of a path; None is a path without one.

        Raises:
            UnknownLabel: there is none of this name.
        """
        if name is None:
            return PLAIN
        try:
            return self._labels[name]
        except KeyError:
            raise UnknownLabel from None

    def name_for(self, name: str | None, profiles: Sequence[str]) -> str | None:
        """Which label holds for an applicant: the path's, else that of the first granted profile that EST offers.

        Args:
            name: the path's label; None where it has none.
            profiles: what the applicant's registration holds, its default first.
        """
        return name or next((profile for profile in profiles if profile in self._labels), None)
