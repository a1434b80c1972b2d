"""The store that the desk is measured with is one that the desk could have: it is proved, and looked through."""

import os
import subprocess
from pathlib import Path

import pytest

from bench import desk, desk_filling, ours
from bench.issuing import measured
from bench.ours import Home
from ca_core.registration.account import Registration, Status
from ca_core.registration.contact import Contact
from ca_core.registration.search_terms import terms_of
from conformance.house import SOAPSTONE
from server.office import office

SIZE = 60
CORE = min(os.sched_getaffinity(0))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = ours.made(tmp_path / "home", "ec-p256")
    with ours.serving(made, CORE) as pid:
        peer = ours.peer(made, pid)
        measured(peer, 1, 5, most=0)
        peer.close()
    desk_filling.fill(made.folder, SIZE)
    return made


async def test_every_page_that_is_measured_finds_something(home: Home) -> None:
    verified = subprocess.run([SOAPSTONE, "--home", home.folder, "journal", "verify"], check=False)  # noqa: ASYNC221  # before all

    async with office(home.folder) as opened:
        found = {label: await ask(7) for label, ask in desk.asked(opened).items()}

    assert verified.returncode == 0
    empty = {"certificates, by serial", "certificates, about to expire", "journal, of an event"}
    assert {label for label, page in found.items() if not page} <= empty


def test_search_terms_are_those_that_registering_writes() -> None:
    registration = Registration(
        id="1",
        account=desk_filling.account(7),
        kind=desk_filling.KIND,
        status=Status.ACTIVE,
        subject="",
        subject_der=b"0\0",
        grants=desk_filling.grants(7),
        profiles=("device",),
        language="en",
        uses=1,
        sheet=1,
        created_at=0,
        expires_at=1,
        contact_read=Contact(),
    )

    assert set(desk_filling.terms(7)) == terms_of(registration)
