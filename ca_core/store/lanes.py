"""Ways along an index, from a key on: what lists are read by, so that a page costs as much of ten rows as of a million.

A statement here goes along one index in its order, behind the last key of the page before (`:key` and `:last`), and
stops after `:most` rows, each of which begins with its own key. Where a list has no index of its own, it is put
together from several that are each in order.
"""

# ruff: noqa: S608  # columns and tables are our own words, and values are bound

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ca_core.store.database import Row, Transaction, Value

BEYOND = "\U0010ffff"
"""Behind every text that begins as this one: the last character that there is."""
LAST_TIME = 1 << 62

_REALMS = (
    "WITH RECURSIVE known (realm) AS ("
    " SELECT MIN(first.realm) FROM registrations first"
    " UNION ALL"
    " SELECT (SELECT MIN(later.realm) FROM registrations later WHERE later.realm > known.realm)"
    " FROM known WHERE known.realm IS NOT NULL)"
    " SELECT realm FROM known WHERE realm IS NOT NULL"
)
PROFILES = (
    "WITH RECURSIVE known (profile) AS ("
    " SELECT MIN(first.profile) FROM certificates first WHERE first.issued_at IS NOT NULL AND first.realm = :realm"
    " UNION ALL"
    " SELECT (SELECT MIN(later.profile) FROM certificates later"
    " WHERE later.issued_at IS NOT NULL AND later.realm = :realm AND later.profile > known.profile)"
    " FROM known WHERE known.profile IS NOT NULL)"
    " SELECT profile FROM known WHERE profile IS NOT NULL"
)

_REGISTRATION = (
    "g.id, g.account, g.kind, g.status, g.subject, g.contact, g.realm, g.owner, g.profiles, g.created_at,"
    " g.expires_at, g.version"
)
_NEWEST_FIRST = " AND (g.created_at, g.id) < (:key, :last) ORDER BY g.created_at DESC, g.id DESC LIMIT :most"
_BY_AGE = f"SELECT g.created_at, {_REGISTRATION} FROM registrations g WHERE "
REGISTRATIONS = f"{_BY_AGE}g.realm = :realm{_NEWEST_FIRST}"
REGISTRATIONS_OF_KIND = f"{_BY_AGE}g.realm = :realm AND g.kind = :kind{_NEWEST_FIRST}"
REGISTRATIONS_OF_OWNER = f"{_BY_AGE}g.owner = :owner{_NEWEST_FIRST}"
REGISTRATIONS_OF_STATUS = (
    f"SELECT g.expires_at, {_REGISTRATION} FROM registrations g WHERE g.realm = :realm AND g.status = :status"
    " AND g.expires_at >= :since AND g.expires_at <= :until AND (g.expires_at, g.id) < (:key, :last)"
    " ORDER BY g.expires_at DESC, g.id DESC LIMIT :most"
)
# A registration is shown under the first of its terms that begin so.
_FIRST_OF_ITS = (
    "EXISTS (SELECT 1 FROM search_terms e WHERE e.registration_id = t.registration_id"
    " AND e.term >= :word AND e.term < t.term)"
)
_ALSO = (
    "(:also{0} = '' OR EXISTS (SELECT 1 FROM search_terms o{0} WHERE o{0}.registration_id = t.registration_id"
    " AND o{0}.term >= :also{0} AND o{0}.term < :beyond{0}))"
)
_HAS_ALL = " AND ".join(_ALSO.format(number) for number in (1, 2, 3))
# What does not fit is told rather than left out: whoever reads on must know how far it was looked.
_FOUND = (
    f"SELECT t.term, {_REGISTRATION}, CASE WHEN {_HAS_ALL} AND NOT {_FIRST_OF_ITS} THEN 1 ELSE 0 END"
    " FROM search_terms t LEFT JOIN registrations g ON g.id = t.registration_id WHERE "
)
_IN_ORDER = (
    " AND t.term >= :word AND t.term < :beyond AND (t.term, t.registration_id) > (:key, :last)"
    " ORDER BY t.term, t.registration_id LIMIT :most"
)
FOUND = f"{_FOUND}t.realm = :realm{_IN_ORDER}"
FOUND_OF_OWNER = f"{_FOUND}t.owner = :owner{_IN_ORDER}"

_DESCENDING = " AND (c.not_after, c.serial) < (:key, :last) ORDER BY c.not_after DESC, c.serial DESC LIMIT :most"
_ASCENDING = " AND (c.not_after, c.serial) > (:key, :last) ORDER BY c.not_after, c.serial LIMIT :most"
# What was issued is said by its time: with its state, SQLite would go along the ends of all certificates. Where no
# index knows either, what was not issued is found, and not shown (`certificate_lines`).
_ENDING = "SELECT c.not_after, c.serial FROM certificates c WHERE c.not_after >= :since AND c.not_after <= :until AND "
_ISSUED = "c.issued_at IS NOT NULL AND "
_OF_PROFILE = f"{_ENDING}{_ISSUED}c.realm = :realm AND c.profile = :profile"
_OF_OWNER = f"{_ENDING}{_ISSUED}c.owner = :owner"
_OF_ISSUER = f"{_ENDING}c.issuer = :issuer AND c.shard = :shard"
_OF_ANY = f"{_ENDING}c.state = 'issued'"
CERTIFICATES_OF_ANY = (_OF_ANY + _DESCENDING, _OF_ANY + _ASCENDING)
CERTIFICATES = (_OF_PROFILE + _DESCENDING, _OF_PROFILE + _ASCENDING)
CERTIFICATES_OF_OWNER = (_OF_OWNER + _DESCENDING, _OF_OWNER + _ASCENDING)
CERTIFICATES_OF_ISSUER = (_OF_ISSUER + _DESCENDING, _OF_ISSUER + _ASCENDING)
"""By expiry: the last to expire first, and the first one first."""
CERTIFICATES_OF_REGISTRATION = f"{_ENDING}{_ISSUED}c.registration_id = :registration_id{_DESCENDING}"
CERTIFICATES_OF_KEY = f"{_ENDING}c.spki_sha256 = :spki_sha256{_DESCENDING}"
CERTIFICATES_BY_SERIAL = (
    "SELECT c.serial, c.serial FROM certificates c WHERE c.serial >= :since AND c.serial < :until"
    " AND c.serial > :last ORDER BY c.serial LIMIT :most"
)
CERTIFICATES_BY_NAME = (
    "SELECT SUBSTR(c.names, 1, 256), c.serial FROM certificates c WHERE c.issued_at IS NOT NULL AND c.realm = :realm"
    " AND SUBSTR(c.names, 1, 256) >= :since AND SUBSTR(c.names, 1, 256) < :until"
    " AND (SUBSTR(c.names, 1, 256), c.serial) > (:key, :last) ORDER BY SUBSTR(c.names, 1, 256), c.serial LIMIT :most"
)
CERTIFICATES_BY_FURTHER_NAME = (
    "SELECT n.name, n.serial FROM further_names n WHERE n.realm = :realm AND n.name >= :since AND n.name < :until"
    " AND (n.name, n.serial) > (:key, :last) ORDER BY n.name, n.serial LIMIT :most"
)
_REVOKED = (
    "SELECT r.revoked_at, r.serial FROM revocations r WHERE {}(r.revoked_at, r.serial) < (:key, :last)"
    " ORDER BY r.revoked_at DESC, r.serial DESC LIMIT :most"
)
CERTIFICATES_REVOKED = _REVOKED.format("")
CERTIFICATES_ON_HOLD = _REVOKED.format("r.reason = 6 AND ")

_JOURNAL = (
    "SELECT j.at, j.id, j.position, j.event, j.actor, j.serial, j.detail, g.account, g.realm, g.owner FROM journal j"
    " LEFT JOIN registrations g ON g.id = j.registration_id WHERE j.id < :last AND j.id >= :since"
)
_NEWEST_ROWS_FIRST = " ORDER BY j.id DESC LIMIT :most"
JOURNAL = f"{_JOURNAL}{_NEWEST_ROWS_FIRST}"
JOURNAL_OF_REGISTRATION = f"{_JOURNAL} AND j.registration_id = :registration_id{_NEWEST_ROWS_FIRST}"
JOURNAL_OF_SERIAL = f"{_JOURNAL} AND j.serial = :serial{_NEWEST_ROWS_FIRST}"
OFTEN = frozenset({"certificate-issued", "policy-grant", "name-proved", "acme-account-bound"})
"""Events of which there are as many as certificates: no index has them, and one is never far."""
IS_RARE = "j.event NOT IN ('certificate-issued', 'policy-grant', 'name-proved', 'acme-account-bound')"
JOURNAL_OF_EVENT = f"{_JOURNAL} AND j.event = :event AND {IS_RARE}{_NEWEST_ROWS_FIRST}"
STAFF = ("api:", "cli:", "desk")
"""How the journal begins to write who works here; an index has what they did."""
JOURNAL_OF_STAFF = (
    f"{_JOURNAL} AND j.actor = :actor AND SUBSTR(j.actor, 1, 4) IN ('api:', 'cli:', 'desk'){_NEWEST_ROWS_FIRST}"
)


class Lane(NamedTuple):
    """A statement of this file with what it asks for beside the key."""

    sql: str
    values: Mapping[str, Value]


async def along(
    tx: Transaction, lanes: Iterable[Lane], after: tuple[str | int, str], *, most: int, is_descending: bool
) -> list[Row]:
    """The next rows of all lanes together, in their order."""
    found: list[Row] = []
    for lane in lanes:
        found += await tx.all(lane.sql, **lane.values, key=after[0], last=after[1], most=most)
    found.sort(key=lambda row: row[:2], reverse=is_descending)
    return found[:most]


async def realms(tx: Transaction) -> list[str]:
    """Every realm in which there is a registration."""
    return [realm for (realm,) in await tx.all(_REALMS)]


async def profiles(tx: Transaction, realm: str) -> list[str]:
    """Every profile of which a realm has certificates: one step along the index each."""
    return [profile for (profile,) in await tx.all(PROFILES, realm=realm)]


def beginning(word: str, values: Sequence[str] = ()) -> dict[str, Value]:
    """What `FOUND` is asked for: a word, and further ones that must be there too, three at most."""
    also = [*values, "", "", ""][:3]
    asked: dict[str, Value] = {"word": word, "beyond": word + BEYOND}
    for number, other in enumerate(also, 1):
        asked |= {f"also{number}": other, f"beyond{number}": other + BEYOND}
    return asked
