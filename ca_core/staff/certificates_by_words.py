"""Certificates of the registrations that are found by words, registration by registration."""

from __future__ import annotations

from collections.abc import Mapping

from ca_core.errors import BadRequest
from ca_core.staff.certificate_ways import LAST_KEY
from ca_core.staff.lines import Key
from ca_core.staff.scope import Scope
from ca_core.store import certificate_lines, lanes
from ca_core.store.database import Row, Transaction, Value
from ca_core.store.lanes import Lane, along, beginning

_AT_ONCE = 20
_MOST_DIGITS = 18


def found_lanes(scope: Scope, looked_for: tuple[str, ...]) -> list[Lane]:
    """The ways to registrations that all of some words lead to, of which the first one says most."""
    asked = beginning(looked_for[0], looked_for[1:])
    if scope.owner is not None:
        return [Lane(lanes.FOUND_OF_OWNER, asked | {"owner": scope.owner})]
    return [Lane(lanes.FOUND, asked | {"realm": realm}) for realm in scope.realms]


class ByRegistration:
    """Reads certificates in the order of the registrations; one that has none is a row without a certificate.

    A key is the term that was found, and the registration's identity, with the place among its certificates.

    Args:
        found: the ways to the registrations.
        asked: from when to when the certificates end.
    """

    def __init__(self, tx: Transaction, found: list[Lane], asked: Mapping[str, Value]) -> None:
        self._tx = tx
        self._found = found
        self._asked = asked

    async def fetch(self, behind: Key, at_once: int) -> list[Row]:
        """The next rows: a key, and a certificate or None.

        Raises:
            BadRequest: no list has such a place.
        """
        term, tail = behind
        registration_id, begun = _begun(tail)
        rows = [] if begun is None else await self._of(term, registration_id, begun, at_once)
        while len(rows) < at_once:
            place = (term, registration_id)
            next_ones = await along(self._tx, self._found, place, most=_AT_ONCE, is_descending=False)
            for row in next_ones:
                term, registration_id = row[0], row[1]
                # The last column says whether it is found by all of the words.
                left = at_once - len(rows)
                held = await self._of(term, registration_id, LAST_KEY, left) if row[-1] else []
                rows += held or [(term, registration_id, "")]
                if len(rows) >= at_once:
                    break
            if len(next_ones) < _AT_ONCE:
                break
        whole = await certificate_lines.of(self._tx, [serial for *_, serial in rows if serial])
        return [(term, tail, whole.get(serial)) for term, tail, serial in rows]

    async def _of(self, term: str | int, registration_id: str, behind: Key, most: int) -> list[Row]:
        lane = Lane(lanes.CERTIFICATES_OF_REGISTRATION, {**self._asked, "registration_id": registration_id})
        found = await along(self._tx, [lane], behind, most=most, is_descending=True)
        return [(term, f"{registration_id}:{not_after}:{serial}", serial) for not_after, serial in found]


def _begun(tail: str) -> tuple[str, Key | None]:
    """Which registration was being gone through, and behind which of its certificates.

    Raises:
        BadRequest: no list has such a place.
    """
    registration_id, colon, rest = tail.partition(":")
    if not colon:
        return registration_id, None
    not_after, _, serial = rest.partition(":")
    if not (not_after.isascii() and not_after.isdigit() and len(not_after) <= _MOST_DIGITS):
        raise BadRequest("there is no such place in this list; begin with its first page")
    return registration_id, (int(not_after), serial)
