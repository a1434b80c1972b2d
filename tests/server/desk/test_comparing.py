"""The two sides of the evidence: what differs is said."""

from __future__ import annotations

import msgspec

from ca_core import names
from ca_core.applicant import Door
from ca_core.policy.period import WishedPeriod
from ca_core.policy.subject import subject_der
from ca_core.referral.request import EnrollmentRequest, RequestState
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.changes import Changes
from ca_core.registration.contact import Contact
from ca_core.registration.events import FieldChange
from ca_core.registration.form import Form
from ca_core.staff.dossiers import Asked, RequestDossier
from ca_core.staff.request import Amending, DeskAction, DeskRequest, DeskState, Reprinting
from server.desk.comparing import Compared, compared
from tests.builders import csr

SUBJECT = "CN=panel,O=Example,C=TW"
REGISTRATION = Registration(
    id="1",
    account="panel",
    kind="partner",
    status=Status.ACTIVE,
    subject=SUBJECT,
    subject_der=subject_der(SUBJECT),
    grants=(
        Grant(names.dns("panel.example")),
        Grant(names.dns("asked.example"), vetted=False),
        Grant(names.dns("zone.example"), zone=True),
    ),
    profiles=("tls-server",),
    language="en",
    uses=None,
    sheet=4,
    created_at=0,
    expires_at=10,
    contact_read=Contact(name="Lin", phone="02"),
)
ENROLLMENT = EnrollmentRequest(
    number=7,
    registration_id="1",
    profile="tls-server",
    names="dns:panel.example",
    spki_sha256=bytes(32),
    csr=csr.csr(csr.ec_key(), subject=SUBJECT),
    door=Door.EST,
    proof="certificate",
    source="192.0.2.1",
    shown="ab" * 20,
    proved=frozenset(),
    replaces="cd" * 20,
    period=WishedPeriod(1, 2),
    request_key=None,
    state=RequestState.PENDING,
    requested_at=0,
    due_at=5,
)
DESKS = DeskRequest(
    number=8,
    action=DeskAction.REPRINT,
    registration_id="1",
    realm="main",
    payload='"panel"',
    asked_by="desk:officer:alice",
    needed=1,
    state=DeskState.PENDING,
    requested_at=0,
    due_at=5,
)


def lines(asked: Asked, registration: Registration | None = REGISTRATION) -> dict[str, Compared]:
    dossier = RequestDossier(
        what="",
        asked=asked,
        asked_by="",
        needed=1,
        registration=registration,
        certificate=None,
        earlier=(),
        votes=(),
    )
    return {line.label: line for line in compared(dossier)}


def test_what_agrees_is_not_marked() -> None:
    found = lines(ENROLLMENT)

    assert [label for label, line in found.items() if line.differs] == []
    assert [value.serial for value in found["Replaces"].asked] == ["cd" * 20]
    assert [value.at for value in found["Wished period"].asked] == [1, 2]
    assert found["Contact"].registered[0].text == "Lin"
    assert "E-mail" not in found


def test_another_subject_profile_or_name_is_marked() -> None:
    asked = msgspec.structs.replace(
        ENROLLMENT,
        csr=csr.csr(csr.ec_key(), subject="CN=somebody"),
        profile="device",
        names="dns:a.zone.example\ndns:asked.example\ndns:foreign.example\ndns:panel.example",
    )

    found = lines(asked)

    assert [label for label, line in found.items() if line.differs] == ["Subject", "Names", "Profile"]
    assert {value.text: value.remark for value in found["Names"].asked} == {
        "dns:a.zone.example": "vetted by the registration authority",
        "dns:asked.example": "not proved",
        "dns:foreign.example": "not registered",
        "dns:panel.example": "vetted by the registration authority",
    }


def test_a_name_that_was_proved_is_sure() -> None:
    proved = msgspec.structs.replace(
        ENROLLMENT, names="dns:asked.example", proved=frozenset({names.dns("asked.example")})
    )

    assert not lines(proved)["Names"].differs


def test_a_request_that_cannot_be_read_any_more_is_marked() -> None:
    found = lines(msgspec.structs.replace(ENROLLMENT, csr=b"nonsense"))

    assert found["Subject"].differs
    assert found["Subject"].asked[0].remark == "cannot be read any more"


def test_a_new_sheet_stands_beside_the_one_that_it_voids() -> None:
    sheet = lines(DESKS)["Sheet"]

    assert ([one.text for one in sheet.registered], [one.text for one in sheet.asked]) == (["4"], ["5"])


def test_of_a_form_everything_is_asked_for() -> None:
    form = Form("person", SUBJECT, grants=(Grant(names.dns("x.example"), zone=True, vetted=False),), uses=None)
    asked = msgspec.structs.replace(
        DESKS, action=DeskAction.REGISTER, registration_id=None, payload=msgspec.json.encode(form).decode()
    )

    found = lines(asked, None)

    assert [label for label, line in found.items() if line.registered] == []
    assert found["Subject"].asked[0].text == SUBJECT
    assert found["Uses of each secret"].asked[0].text == "∞"
    assert found["Names"].asked[0].remark == "every name below it, to be proved by challenges"


def test_a_request_without_its_registration_says_nothing() -> None:
    assert lines(DESKS, None) == {}


def test_a_change_shows_what_was_and_what_is_to_be() -> None:
    told = (FieldChange("subject", SUBJECT, "CN=bank,C=TW"), FieldChange("names", "", "dns:bank.example"))
    changes = Changes(subject="CN=bank,C=TW", grants=(Grant(names.dns("bank.example")),))
    payload = msgspec.json.encode(Amending("panel", changes, 1, told, renews=True)).decode()

    found = lines(msgspec.structs.replace(DESKS, action=DeskAction.AMEND, payload=payload))

    assert [label for label, line in found.items() if line.differs] == ["Subject", "Names"]
    assert (found["Subject"].registered[0].text, found["Subject"].asked[0].text) == (SUBJECT, "CN=bank,C=TW")
    assert (found["Names"].registered[0].remark, found["Names"].asked[0].text) == ("none", "dns:bank.example")


def test_of_two_requests_for_one_sheet_the_late_one_stands_out() -> None:
    late = msgspec.structs.replace(DESKS, payload=msgspec.json.encode(Reprinting("panel", 3)).decode())

    assert (lines(late)["Sheet"].differs, lines(DESKS)["Sheet"].differs) == (True, False)
