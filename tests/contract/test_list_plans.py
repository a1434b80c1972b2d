"""A page of a list is a few steps along one index, on both databases: what is quick with ten is quick with a million.

PostgreSQL chooses by what there is, so that there is something.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.store import certificate_lines, lanes, overviews, waiting
from ca_core.store.database import Database, Transaction, Value
from conformance.stores import KINDS
from tests.builders.core import core
from tests.builders.plans import plan

VALUES: dict[str, Value] = dict.fromkeys(
    ("word", "beyond", "registration_id", "also1", "also2", "also3", "beyond1", "beyond2", "beyond3", "every"), "x"
)
VALUES |= {"realm": "realm1", "owner": "1", "kind": "kind1", "status": "suspended", "profile": "profile1"}
VALUES |= {"issuer": "ca1", "serial": f"{1:040x}", "actor": "desk:officer:1", "event": "event1"}
TIMES: dict[str, Value] = {"since": 0, "until": 1 << 40}
TEXTS: dict[str, Value] = {"since": "", "until": "~"}
BY_INDEX = {
    "registrations_by_realm": lanes.REGISTRATIONS,
    "registrations_by_kind": lanes.REGISTRATIONS_OF_KIND,
    "registrations_by_owner": lanes.REGISTRATIONS_OF_OWNER,
    "registrations_by_status": lanes.REGISTRATIONS_OF_STATUS,
    "certificates_of_registration": lanes.CERTIFICATES_OF_REGISTRATION,
    "certificates_by_key": lanes.CERTIFICATES_OF_KEY,
    "revocations_by_time": lanes.CERTIFICATES_REVOKED,
    "revocations_on_hold": lanes.CERTIFICATES_ON_HOLD,
}
IN_BOTH_ORDERS = {
    "certificates_by_expiry": lanes.CERTIFICATES,
    "certificates_by_owner": lanes.CERTIFICATES_OF_OWNER,
    "certificates_by_shard": lanes.CERTIFICATES_OF_ISSUER,
    "certificates_by_end": lanes.CERTIFICATES_OF_ANY,
}
BY_TEXT = {
    "search_terms_by_realm": lanes.FOUND,
    "search_terms_by_owner": lanes.FOUND_OF_OWNER,
    "certificates_by_name": lanes.CERTIFICATES_BY_NAME,
    "journal_by_registration": lanes.JOURNAL_OF_REGISTRATION,
    "journal_by_serial": lanes.JOURNAL_OF_SERIAL,
    "journal_by_event": lanes.JOURNAL_OF_EVENT,
    "journal_by_staff": lanes.JOURNAL_OF_STAFF,
}
COUNTED = (
    overviews.EXPIRING,
    overviews.EXPIRING_OF_OWNER,
    overviews.REGISTRATIONS,
    overviews.REGISTRATIONS_OF_OWNER,
    overviews.WEEKS,
    overviews.WEEKS_OF_OWNER,
    overviews.REGISTRATION_WEEKS,
    lanes.PROFILES,
    certificate_lines.statement(8),
)
BY_KEY = (lanes.CERTIFICATES_BY_SERIAL, lanes.CERTIFICATES_BY_FURTHER_NAME, lanes.JOURNAL)
"""By the primary key, which each database calls otherwise."""


_MADE = {"CONSTANT", "counted", "known", "looked"}
"""What a statement makes for itself."""
_JOINED = {"registrations_pkey", "revocations_pkey"}
"""Of a thousand rows, PostgreSQL joins some to what was found by going through all in order, and not one by one."""
_ROWS = 1_000
OF_OPEN_REQUESTS = {"enrollment_requests_open", "revocation_requests_open", "desk_requests_open"}
OF_OPEN_REQUESTS |= {
    "enrollment_requests_of_registration",
    "enrollment_requests_waiting",
    "revocation_requests_pending",
}
"""Indexes that have nothing in them but what is open: of a few, PostgreSQL may take either, and sort."""


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A few thousand rows, of which PostgreSQL knows how many there are."""
    async with core(tmp_path, store=request.param) as opened:
        async with opened.database.write() as tx:
            await fill(tx)
            if opened.database.is_shared:
                await tx.execute("ANALYZE")
        yield opened.database


async def fill(tx: Transaction) -> None:
    """Rows past every service: nobody reads them."""
    numbers = range(_ROWS)
    await tx.execute_each(
        "INSERT INTO registrations (id, account, kind, status, subject, subject_der, names, profiles, language, sheet,"
        " created_at, expires_at, realm, owner) VALUES (:id, :id, :kind, :status, '', :none, '[]', '[]', 'en', 1, :at,"
        " :at, :realm, :owner)",
        [
            {**_whose(n), "kind": f"kind{n % 7}", "status": "active" if n % 10 else "suspended", "none": b"", "at": n}
            for n in numbers
        ],
    )
    await tx.execute_each(
        "INSERT INTO certificates (serial, issuer, state, registration_id, profile, names, names_digest, spki_sha256,"
        " not_before, not_after, door, intended_at, issued_at, realm, owner)"
        " VALUES (:id, :issuer, 'issued', :id, :profile, :id, :key, :key, :at, :at, 'est', :at, :at, :realm, :owner)",
        [
            {**_whose(n), "issuer": f"ca{n % 2}", "key": n.to_bytes(32), "profile": f"profile{n % 7}", "at": n}
            for n in numbers
        ],
    )
    await tx.execute_each(
        "INSERT INTO revocations (serial, issuer, revoked_at, reason, entry) VALUES (:id, 'ca0', :at, :reason, :none)",
        [{"id": f"{n:040x}", "at": n, "reason": n % 10, "none": b""} for n in numbers],
    )
    await tx.execute_each(
        "INSERT INTO enrollment_requests (number, registration_id, profile, names, names_digest, spki_sha256, csr,"
        " door, proof, source, proved, state, requested_at, due_at, called, note) VALUES (:number, :id, '', '', :key,"
        " :key, :none, 'est', '', '', '[]', :state, :number, :number, 0, '')",
        [{**_open(n), "key": n.to_bytes(32), "none": b""} for n in numbers],
    )
    await tx.execute_each(
        "INSERT INTO revocation_requests (number, serial, registration_id, reason, asker, actor, state, holds,"
        " requested_at, due_at, called, note) VALUES (:number, :id, :id, 1, '', '', :state, 0, :number, :number, 0,"
        " '')",
        [_open(n) for n in numbers],
    )
    await tx.execute_each(
        "INSERT INTO desk_requests (number, action, registration_id, realm, payload, asked_by, needed, state,"
        " requested_at, due_at, decided_at, note) VALUES (:number, 'reprint', :id, 'realm1', '', :asked_by, 1, :state,"
        " :number, :number, :number, '')",
        [{**_open(n), "asked_by": f"desk:officer:{n % 9}"} for n in numbers],
    )
    await tx.execute_each(
        "INSERT INTO search_terms (registration_id, term, realm, owner) VALUES (:id, :id, :realm, :owner)",
        [_whose(n) for n in numbers],
    )
    await tx.execute_each(
        "INSERT INTO further_names (realm, name, serial) VALUES (:realm, :id, :id)",
        [{"id": f"{n:040x}", "realm": f"realm{n % 3}"} for n in numbers],
    )
    await tx.execute_each(
        "INSERT INTO journal (id, at, event, actor, registration_id, serial, detail)"
        " VALUES (:id, :at, :event, :actor, :id, :id, '{}')",
        [
            {"id": f"{n:040x}", "at": n, "event": _event(n), "actor": f"desk:officer:{n % 9}" if n % 2 else "acme:x"}
            for n in numbers
        ],
    )


def _whose(number: int) -> dict[str, Value]:
    owner = str(number % 50) if number % 3 else None
    return {"id": f"{number:040x}", "realm": f"realm{number % 3}", "owner": owner}


def _open(number: int) -> dict[str, Value]:
    """A request; one in fifty waits."""
    return {"id": f"{number:040x}", "number": number, "state": "rejected" if number % 50 else "pending"}


def _event(number: int) -> str:
    return f"event{number % 9}" if number % 2 else "certificate-issued"


async def steps_of(database: Database, sql: str, times: dict[str, Value], **more: Value) -> dict[str, str | None]:
    """The index of each table, where no step is a walk from one end to the other."""
    values: dict[str, Value] = {**VALUES, **times, "key": "", "last": "~", "most": 50, **more}
    steps = await plan(database, sql, **values)
    walks = [step for step in steps if step.is_walk and step.name not in _MADE and step.index not in _JOINED]
    assert walks == [], sql
    return {step.name: step.index for step in steps}


async def test_lists_in_the_order_of_a_time_go_along_their_index(database: Database) -> None:
    for index, sql in BY_INDEX.items():
        found = await steps_of(database, sql, TIMES, key=1 << 40, spki_sha256=(1).to_bytes(32))
        assert set(found.values()) == {index}, sql


async def test_certificates_are_gone_through_from_both_ends(database: Database) -> None:
    for index, both in IN_BOTH_ORDERS.items():
        for sql, key, last in zip(both, (1 << 40, 0), ("~", ""), strict=True):
            assert set((await steps_of(database, sql, TIMES, key=key, last=last, shard=0)).values()) == {index}, sql


async def test_what_is_found_by_a_text_is_found_by_its_index(database: Database) -> None:
    for index, sql in BY_TEXT.items():
        found = await steps_of(database, sql, TEXTS, last="~" if "journal" in index else "")
        assert index in {found.get("t"), found.get("c"), found.get("j")}, sql


async def test_what_has_a_key_is_found_by_it(database: Database) -> None:
    for sql, last in zip(BY_KEY, ("", "", "~"), strict=True):
        assert await steps_of(database, sql, TEXTS, last=last)


async def test_what_is_counted_or_shown_is_found_by_an_index(database: Database) -> None:
    for sql in COUNTED:
        assert await steps_of(database, sql, TIMES, looked=1, **{f"s{number}": "x" for number in range(8)})


async def test_what_a_page_shows_is_read_certificate_by_certificate(database: Database) -> None:
    serials: dict[str, Value] = {f"s{number}": "x" for number in range(8)}

    steps = await plan(database, certificate_lines.statement(8), **serials)

    (of_certificates,) = [step for step in steps if step.name == "c"]
    assert "serial" in of_certificates.by


async def test_what_waits_is_found_however_much_was_decided(database: Database) -> None:
    seen: dict[str, Value] = {"by_api": "api:officer:1", "by_desk": "desk:officer:1", "due_at": 0, "number": 0}

    for sql in (*waiting.PAGES, *waiting.COUNTS):
        assert await indexes_of(database, sql, **seen) <= OF_OPEN_REQUESTS, sql


async def test_what_came_to_nothing_is_found_by_who_asked(database: Database) -> None:
    found = await indexes_of(database, waiting.UNDONE, asked_by="desk:officer:1", since=0)

    assert "desk_requests_undone" in found


async def indexes_of(database: Database, sql: str, **values: Value) -> set[str | None]:
    """The indexes by which the rows are come by; of open requests, all are gone through in their order."""
    steps = await plan(database, sql, **{**VALUES, "most": 50, **values})
    requests = [step for step in steps if step.name in {"e", "r", "d"}]
    others = [step for step in steps if step.name in {"a", "g"}]
    assert all(step.by or step.index in _JOINED for step in others), sql
    return {step.index for step in requests}


async def test_refusals_are_counted_by_the_index_of_rare_events(database: Database) -> None:
    assert (await steps_of(database, overviews.REFUSED, TEXTS))["j"] == "journal_by_event"
