"""What the API says of what goes wrong on our side."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.errors import StaffUnproven
from ca_core.staff.role import Actor, Role, Via
from protocols.wire import Peer, Reply, Request
from server.api.dialogue import ApiDialogue
from server.api.operation import Services
from server.cli.making import first_settings, make_home
from server.office import Office, office
from server.verifying import Verifier


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Office]:
    home = tmp_path / "home"
    await make_home(home, first_settings("localhost", 8443, development=True), "ec-p256", ())
    async with office(home) as made:
        yield made


def api(opened: Office) -> ApiDialogue:
    return ApiDialogue(Services(opened, lambda _: b"", Verifier(opened)))


async def asked(opened: Office, path: str) -> Reply:
    auditor = Actor("audrey", Role.AUDITOR, "main", "a", Via.API)
    return await api(opened).answer(Request("GET", f"/api/v1{path}", {}, b"", Peer("192.0.2.1")), auditor)


async def test_a_bug_is_a_problem_with_its_number(opened: Office) -> None:
    reply = api(opened).bug_reply("4f1c")

    told = json.loads(reply.body)
    assert (reply.status, told["status"], told["type"]) == (500, 500, "urn:soapstone:problem:internal-error")
    assert ("Content-Type", "application/problem+json") in reply.headers
    assert "4f1c" in told["detail"]


async def test_nothing_that_it_says_is_taken_for_something_else(opened: Office) -> None:
    """A browser guesses no type of what is shown to it by hand."""
    said = [await asked(opened, path) for path in ("/me", "/openapi.json", "/nothing", "/journal?of=what")]
    said += [api(opened).refuse(StaffUnproven()), api(opened).bug_reply("4f1c")]

    assert [reply.headers.count(("X-Content-Type-Options", "nosniff")) for reply in said] == [1] * 6


async def test_a_journal_whose_key_is_damaged_is_proved_by_nobody_and_that_is_said(opened: Office) -> None:
    (opened.home / opened.settings.journal.key.removeprefix("file:")).write_text("no key\n")

    reply = await asked(opened, "/journal/verification")

    told = json.loads(reply.body)
    assert (reply.status, told["whole"], told["hash"]) == (200, False, None)
    assert "journal.key" in told["found"]
