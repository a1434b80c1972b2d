"""The RA's REST API over real TLS: each resource, who may do what, and what is refused."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509

from conformance.api import Answer, Caller, Desk
from conformance.clients.device import Device
from conformance.house import House, must

_SETTINGS = (
    "kinds.branch.based_on=organization",
    "kinds.branch.approvals.register=1",
    "kinds.branch.approvals.reprint=1",
    "kinds.branch.approvals.revoke=1",
    "kinds.sleeper.based_on=device",
    "kinds.sleeper.activation=true",
    "profiles.device.hold=true",
)
_SERIAL = "00" * 20


class Operation(NamedTuple):
    """One operation, as the served document says it."""

    name: str
    method: str
    path: str
    permitted: frozenset[str]
    has_body: bool


class Office:
    """The house with those who work there: alice and bob in the north, carol in the south, dora who supervises."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.house = desk.house
        self.alice = desk.officer("alice", realm="north")
        self.bob = desk.officer("bob", realm="north")
        self.carol = desk.officer("carol", realm="south")
        self.dora = desk.officer("dora", "supervisor", realm="north")
        self.auditor = desk.officer("audrey", "auditor", realm="*")
        self.operator = desk.officer("oscar", "operator", realm="*")
        self.panel = desk.integrator("panel", realm="north")
        self._numbers = itertools.count(1)

    def operations(self) -> list[Operation]:
        """All that the document names."""
        document = self.auditor.get("/openapi.json").must(200).json
        return [
            Operation(
                told["operationId"],
                method.upper(),
                path,
                frozenset(told.get("x-permitted", ())),
                "requestBody" in told,
            )
            for path, methods in document["paths"].items()
            for method, told in methods.items()
        ]

    def account(self) -> str:
        """A new account's name."""
        return f"unit-{next(self._numbers)}"

    def register(self, by: Caller | None = None, **fields: Any) -> dict[str, Any]:
        """Register a device, or something else; the registration and its sheet."""
        account = self.account()
        form = {"kind": "device", "subject": f"CN={account},O=Fleet,C=TW", "account": account, **fields}
        return (by or self.alice).post("/registrations", form).must(201).json

    def enroll(self, made: dict[str, Any], folder: Path) -> str:
        """Get the device its certificate; returns the serial."""
        device = Device(self.house, folder)
        assert device.enroll(made["sheet"]) == 200
        return f"{x509.load_pem_x509_certificate(device.certificate.read_bytes()).serial_number:040x}"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    house = House(tmp_path_factory.mktemp("api"), *_SETTINGS)
    try:
        house.start()
        desk = Desk(house, tmp_path_factory.mktemp("staff"))
        yield Office(desk)
        desk.close()
    finally:
        house.close()


def url_of(operation: Operation) -> str:
    places = {"account": "nobody", "serial": _SERIAL, "number": "987654", "kid": "NOKEY"}
    return re.sub(r"\{(\w+)\}", lambda name: places[name[1]], operation.path)


def test_a_role_may_do_what_the_table_says_and_nothing_else(office: Office) -> None:
    operations = office.operations()
    callers = [office.alice, office.dora, office.auditor, office.operator, office.panel]
    refused = 0

    for caller, operation in itertools.product(callers, operations):
        actions = set(caller.get("/me").must(200).json["actions"])
        answer = caller.ask(operation.method, url_of(operation), {"no-field": 1} if operation.has_body else None)

        is_refused = answer.status == 403 and answer.word == "not-permitted"
        assert is_refused == bool(operation.permitted and not operation.permitted & actions), (actions, operation)
        refused += is_refused
    assert len(operations) > 30
    assert refused >= 40


def test_whoever_is_not_proved_is_told_nothing(office: Office) -> None:
    nobody = office.desk.caller()

    for operation in office.operations():
        answer = nobody.ask(operation.method, url_of(operation), {} if operation.has_body else None)
        assert answer.must(401).word == "unproven"
    assert nobody.get("/openapi.json").must(401)


def test_a_tokens_scope_narrows_what_it_can_do(office: Office) -> None:
    reader = office.desk.integrator("reader", "registrations:read", realm="north")

    refused = reader.post("/registrations", {"kind": "device", "subject": "CN=x"})

    assert (refused.must(403).word, "this token's scope" in refused.json["detail"]) == ("not-permitted", True)
    assert reader.get("/registrations").must(200).json == {"items": [], "next": None}
    assert reader.get("/me").must(200).json["actions"] == ["registrations:read"]


def test_a_registration_is_made_read_found_and_changed(office: Office) -> None:
    contact = {"name": "王小明", "phone": "02-1234-5678"}
    names = [{"type": "dns", "value": "a.example"}, {"type": "dns", "value": "b.example", "below": True}]
    created = office.alice.post(
        "/registrations",
        {
            "kind": "organization",
            "subject": "CN=Quokka,O=Example,C=TW",
            "account": "quokka",
            "names": names,
            "contact": contact,
        },
    ).must(201)
    assert created.headers["location"] == "/api/v1/registrations/quokka"
    assert created.json["sheet"]["eab"]["alg"] == "HS256"

    read = office.alice.get("/registrations/quokka").must(200)
    assert read.json == created.json["registration"]
    assert (read.json["realm"], read.json["status"], read.headers["etag"]) == ("north", "active", '"1"')
    assert read.json["names"][1] == {"type": "dns", "value": "b.example", "below": True, "vetted": True}
    assert read.json["contact"]["name"] == "王小明"
    assert [one["account"] for one in office.alice.get("/registrations?text=quokka").must(200).json["items"]] == [
        "quokka"
    ]

    change = {"contact": {"phone": "03-7654-321"}, "language": "en"}
    changed = office.alice.patch("/registrations/quokka", change, If_Match='"1"').must(200)
    assert changed.json["contact"] == {**read.json["contact"], "phone": "03-7654-321"}
    assert (changed.json["language"], changed.headers["etag"]) == ("en", '"2"')
    assert office.bob.patch("/registrations/quokka", change, If_Match='"1"').must(412).word == "changed-meanwhile"
    assert office.bob.patch("/registrations/quokka", change).must(428).word == "precondition-required"
    assert office.bob.patch("/registrations/quokka", change, If_Match="2").must(400).word == "bad-request"
    assert office.bob.patch("/registrations/quokka", {"language": "zh-Hant"}, If_Match='"7", "2"').must(200)
    assert office.bob.patch("/registrations/quokka", {"language": "en"}, If_Match="*").must(200)


def test_a_registration_is_stopped_and_goes_on(office: Office, tmp_path: Path) -> None:
    made = office.register()
    place = f"/registrations/{made['registration']['account']}"

    assert office.alice.post(f"{place}/suspend").must(200).json["status"] == "suspended"
    assert Device(office.house, tmp_path).enroll(made["sheet"]) == 403
    assert office.alice.post(f"{place}/suspend").must(409).word == "wrong-state"
    assert office.alice.post(f"{place}/resume").must(200).json["status"] == "active"
    assert office.alice.post(f"{place}/close").must(403).word == "not-permitted"
    assert office.dora.post(f"{place}/close").must(200).json["status"] == "closed"
    assert office.alice.post(f"{place}/sheets").must(409).word == "wrong-state"


def test_a_renewal_confirms_what_is_registered_and_brings_a_new_sheet(office: Office, tmp_path: Path) -> None:
    made = office.register()
    place = f"/registrations/{made['registration']['account']}"

    late = office.alice.post(f"{place}/renew", {"language": "en"}, If_Match='"9"')
    renewed = office.alice.post(f"{place}/renew", {"language": "en"}, If_Match='"1"').must(200)

    assert late.must(412).word == "changed-meanwhile"
    assert (renewed.json["sheet"]["sheet"], renewed.json["registration"]["language"]) == (2, "en")
    assert Device(office.house, tmp_path / "old").enroll(made["sheet"]) == 401
    assert Device(office.house, tmp_path / "new").enroll(renewed.json["sheet"]) == 200


def test_a_sheet_is_handed_over_as_json_or_on_paper(office: Office, tmp_path: Path) -> None:
    made = office.register(contact={"name": "王小明", "address": "臺北市"})
    place = f"/registrations/{made['registration']['account']}/sheets"

    second = office.alice.post(place).must(201).json["sheet"]
    paper = office.alice.post(place, {"note": "lost"}, Accept="application/pdf").must(201)

    assert (second["sheet"], second["enrollment_code"]) > (1, made["sheet"]["enrollment_code"])
    assert paper.headers["content-type"] == "application/pdf"
    file = tmp_path / "sheet.pdf"
    file.write_bytes(paper.body)
    text = must("pdftotext", "-layout", file, "-")
    code = re.search(r"(?:[A-Z0-9]{4}-){5}[A-Z0-9]{4}", text)
    assert code
    assert Device(office.house, tmp_path / "old").enroll(second) == 401
    assert Device(office.house, tmp_path / "new").enroll({**second, "enrollment_code": code[0]}) == 200


def test_what_cannot_be_printed_is_refused_before_a_sheet_is_made(office: Office) -> None:
    form = {"kind": "device", "subject": "CN=\U00016880,C=TW", "account": office.account()}

    refused = office.alice.post("/registrations", form, Accept="application/pdf")

    assert refused.must(409).word == "not-printable"
    assert office.alice.get(f"/registrations/{form['account']}").must(404)


def test_a_sheet_that_sleeps_is_activated(office: Office, tmp_path: Path) -> None:
    made = office.register(kind="sleeper")
    account = made["registration"]["account"]
    device = Device(office.house, tmp_path)

    before = device.enroll(made["sheet"])
    listed = office.alice.get(f"/registrations/{account}/credentials").must(200).json["items"]
    activated = office.alice.post(f"/registrations/{account}/activate").must(200).json

    assert (before, {one["state"] for one in listed}) == (403, {"dormant"})
    assert activated == {"account": account, "sheet": 1}
    assert device.enroll(made["sheet"]) == 200
    assert office.alice.post(f"/registrations/{account}/activate").must(409).word == "wrong-state"


def test_eab_keys_are_added_rotated_and_revoked(office: Office) -> None:
    zone = {"type": "dns", "value": "shop.example", "below": True}
    registered = office.register(kind="organization", names=[zone])
    account = registered["registration"]["account"]
    place = f"/registrations/{account}/eab-keys"

    limits = {"uses": 2, "networks": ["192.0.2.0/24"], "names": [".a.shop.example", "www.shop.example"], "note": "web"}
    added = office.alice.post(place, limits).must(201).json
    rotated = office.alice.post(f"{place}/{added['eab']['kid']}/rotate", {"overlap_hours": 1}).must(201).json
    revoked = office.alice.post(f"{place}/{rotated['eab']['kid']}/revoke").must(200).json

    assert (added["credential"]["uses_left"], added["credential"]["networks"]) == (2, ["192.0.2.0/24"])
    assert rotated["credential"]["names"] == ["zone:a.shop.example", "dns:www.shop.example"]
    assert rotated["credential"]["note"] == "web"
    assert len(added["eab"]["hmac_key"]) == 43
    assert (revoked["kid"], revoked["state"]) == (rotated["eab"]["kid"], "revoked")
    listed = office.alice.get(f"/registrations/{account}/credentials").must(200).json["items"]
    assert {one["kid"]: one["successor"] for one in listed}[added["eab"]["kid"]] == rotated["eab"]["kid"]
    assert "hmac_key" not in str(listed)
    assert office.alice.post(place, {"networks": ["nowhere"]}).must(400).word == "bad-request"
    assert office.alice.post(place, {"names": ["www.shop.example.net"]}).must(400).word == "name-not-granted"
    assert office.alice.post(place, {"names": ["a b"]}).must(400).word == "bad-name"
    assert office.alice.post(place, {"note": "n" * 65}).must(422)
    assert office.alice.post(place, {"profiles": ["device"]}).must(400).word == "profile-not-granted"
    other = office.register()["registration"]["account"]
    foreign = office.alice.post(f"/registrations/{other}/eab-keys/{added['eab']['kid']}/revoke")
    assert foreign.must(404).word == "not-found"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_no_calendar_has_makes_no_key(office: Office, at: str) -> None:
    keys = f"/registrations/{office.register()['registration']['account']}"

    refused = office.alice.post(f"{keys}/eab-keys", {"expires_at": at}).must(422)

    assert refused.json["errors"][0]["field"] == "expires_at"
    assert len(office.alice.get(f"{keys}/credentials").must(200).json["items"]) == 2


def test_a_certificate_is_found_downloaded_held_and_revoked(office: Office, tmp_path: Path) -> None:
    made = office.register()
    serial = office.enroll(made, tmp_path)
    place = f"/certificates/{serial}"

    read = office.alice.get(place).must(200).json
    listed = office.alice.get(f"/certificates?account={read['account']}&status=valid").must(200).json["items"]
    pem, der, chain = (office.alice.get(f"{place}/{form}").must(200) for form in ("pem", "der", "chain"))
    held = office.alice.post(f"{place}/hold", {"note": "odd"}).must(200).json
    released = office.alice.post(f"{place}/release").must(200).json
    revoked = office.alice.post(f"{place}/revoke", {"reason": "superseded", "note": "a new one"}).must(200).json

    assert (listed, read["status"], read["reason"]) == ([read], "valid", None)
    assert pem.headers["content-type"] == "application/x-pem-file"
    assert der.headers["content-type"] == "application/pkix-cert"
    (leaf,) = x509.load_pem_x509_certificates(pem.body)
    assert leaf == x509.load_der_x509_certificate(der.body)
    whole = x509.load_pem_x509_certificates(chain.body)
    assert whole[0] == leaf
    leaf.verify_directly_issued_by(whole[1])
    assert (held["status"], held["reason"], released["status"]) == ("on hold", "certificateHold", "valid")
    assert revoked == {"serials": [serial]}
    assert office.alice.post(f"{place}/revoke", {"reason": "superseded"}).must(409).word == "already-revoked"
    assert serial in {one["serial"] for one in office.alice.all_of("/revocations?limit=1")}


def test_a_revocation_with_an_impossible_reason_or_date_is_refused(office: Office, tmp_path: Path) -> None:
    serial = office.enroll(office.register(), tmp_path)
    place = f"/certificates/{serial}/revoke"

    assert office.alice.post(place, {"reason": "cACompromise"}).must(422).json["errors"][0]["field"] == "reason"
    tomorrow = office.alice.post(place, {"reason": "keyCompromise", "invalid_since": "2099-01-01T00:00:00Z"})
    assert tomorrow.must(400).word == "bad-reason"
    assert office.alice.post(f"/certificates/{_SERIAL}/revoke", {"reason": "superseded"}).must(404)


def test_what_others_must_agree_to_waits_and_is_collected_once(office: Office) -> None:
    account = office.account()
    form = {"kind": "branch", "subject": f"CN={account},C=TW", "account": account, "note": "new branch"}
    waits = office.alice.post("/registrations", form).must(202)
    place = f"/requests/{waits.json['request']}"
    assert waits.headers["location"] == f"/api/v1{place}"
    assert place.rpartition("/")[2] in {str(one["number"]) for one in office.bob.all_of("/requests?limit=1")}

    read = office.bob.get(place).must(200).json
    own = office.alice.post(f"{place}/approve")
    early = office.alice.post(f"{place}/collect")
    agreed = office.bob.post(f"{place}/approve", {"note": "seen"}).must(200).json
    foreign = office.bob.post(f"{place}/collect")
    sheet = office.alice.post(f"{place}/collect").must(200)
    again = office.alice.post(f"{place}/collect")

    assert (read["what"], read["registration"]["subject"], read["note"]) == ("register", form["subject"], "new branch")
    assert (own.must(403).word, early.must(409).word) == ("own-request", "wrong-state")
    assert (agreed["state"], foreign.must(404).word, again.must(409).word) == ("approved", "not-found", "wrong-state")
    assert sheet.json["registration"]["account"] == account
    done = office.bob.get(place).must(200).json
    assert (done["state"], [vote["officer"] for vote in done["votes"]]) == ("done", ["bob"])


def test_what_others_agreed_to_is_changed_once_they_agree_again(office: Office) -> None:
    account = office.account()
    form = {"kind": "branch", "subject": f"CN={account},C=TW", "account": account, "profiles": ["device"]}
    asked = office.alice.post("/registrations", form).must(202).json["request"]
    office.bob.post(f"/requests/{asked}/approve").must(200)
    sheet = office.alice.post(f"/requests/{asked}/collect").must(200).json["sheet"]
    place = f"/registrations/{account}"
    tag = office.alice.get(place).must(200).headers["etag"]

    key = office.alice.post(f"{place}/eab-keys", {})
    rotated = office.alice.post(f"{place}/eab-keys/{sheet['eab']['kid']}/rotate", {})
    late = office.alice.post(f"{place}/sheets", {"replaces": 7})
    waits = office.alice.patch(place, {"profiles": ["device", "tls-server"]}, If_Match=tag).must(202).json
    meanwhile = office.alice.get(place).must(200).json["profiles"]
    read = office.bob.get(f"/requests/{waits['request']}").must(200).json
    foreign = office.alice.post(f"/requests/{waits['request']}/collect")
    done = office.bob.post(f"/requests/{waits['request']}/approve").must(200).json

    assert [one.must(409).word for one in (key, rotated)] == ["wrong-state"] * 2
    assert late.must(412).word == "changed-meanwhile"
    assert meanwhile == ["device"]
    assert (read["what"], read["changes"]) == (
        "amend",
        [{"field": "profiles", "was": "device", "now": "device, tls-server"}],
    )
    assert (foreign.must(404).word, done["state"]) == ("not-found", "done")
    assert office.alice.get(place).must(200).json["profiles"] == ["device", "tls-server"]
    renewal = office.alice.post(f"{place}/renew", {"subject": "CN=bank,C=TW"}).must(202).json
    assert office.bob.get(f"/requests/{renewal['request']}").must(200).json["what"] == "amend"


def test_a_reprint_and_a_revocation_wait_for_another_officer_too(office: Office, tmp_path: Path) -> None:
    account = office.account()
    form = {"kind": "branch", "subject": f"CN={account},C=TW", "account": account, "profiles": ["device"]}

    def agreed(place: str, body: object = None) -> str:
        waits = office.alice.post(place, body).must(202).json
        office.bob.post(f"/requests/{waits['request']}/approve").must(200)
        return f"/requests/{waits['request']}"

    first = office.alice.post(f"{agreed('/registrations', form)}/collect").must(200).json
    reprint = agreed(f"/registrations/{account}/sheets", {"note": "lost"})
    second = office.alice.post(f"{reprint}/collect", Accept="application/pdf").must(200)
    third = office.alice.post(f"{agreed(f'/registrations/{account}/renew')}/collect").must(200).json
    serial = office.enroll(third, tmp_path)
    revocation = agreed(f"/certificates/{serial}/revoke", {"reason": "superseded", "note": "moved"})

    assert first["sheet"]["sheet"] == 1
    assert second.body.startswith(b"%PDF-")
    told = office.bob.get(revocation).must(200).json
    assert (told["state"], told["note"]) == ("done", "moved")
    assert (told["revocation"]["serial"], told["revocation"]["reason"]) == (serial, "superseded")
    assert office.bob.get(f"/certificates/{serial}").must(200).json["status"] == "revoked"


def test_a_token_collects_only_what_its_scope_could_have_asked_for(office: Office) -> None:
    account = office.account()
    form = {"kind": "branch", "subject": f"CN={account},C=TW", "account": account}
    asks = office.desk.integrator("asker", realm="north")
    prints = office.desk.caller(token=office.desk.token("asker", "sheets:print"))
    number = asks.post("/registrations", form).must(202).json["request"]
    office.bob.post(f"/requests/{number}/approve").must(200)

    refused = prints.post(f"/requests/{number}/collect")

    assert refused.must(403).word == "not-permitted"
    assert asks.post(f"/requests/{number}/collect").must(200).json["registration"]["account"] == account


def test_a_request_is_turned_down_or_taken_back(office: Office) -> None:
    account = office.account()
    form = {"kind": "branch", "subject": f"CN={account},C=TW", "account": account}
    first, second = (office.alice.post("/registrations", form).must(202).json["request"] for _ in range(2))

    rejected = office.bob.post(f"/requests/{first}/reject", {"note": "who is that?"}).must(200).json
    taken_back = office.alice.post(f"/requests/{second}/reject").must(200).json

    assert (rejected["state"], taken_back["state"]) == ("rejected", "rejected")
    assert office.bob.post(f"/requests/{first}/approve").must(409).word == "wrong-state"
    assert office.bob.post("/requests/987654/approve").must(404).word == "not-found"


def test_the_journal_is_searched_and_proved(office: Office) -> None:
    account = office.register()["registration"]["account"]

    rows = office.auditor.all_of(f"/journal?account={account}&limit=1")
    proved = office.auditor.get("/journal/verification").must(200).json

    assert [row["event"] for row in rows] == ["sheet-issued", "registered"]
    assert rows[1]["actor"] == "api:officer:alice"
    assert rows[1]["detail"]["account"] == account
    assert (proved["whole"], proved["found"], len(proved["hash"])) == (True, None, 64)


def test_the_overview_counts_and_the_search_finds(office: Office, tmp_path: Path) -> None:
    made = office.register(contact={"name": "Wombat Wu"})
    serial = office.enroll(made, tmp_path)

    overview = office.alice.get("/overview").must(200).json
    weeks = office.alice.get("/expirations?weeks=20").must(200).json["items"]
    found = office.alice.get("/search?text=wombat").must(200).json

    assert set(overview) == {"waiting", "expiring", "ending", "expired", "suspended", "refused"}
    assert len(weeks) == 20
    assert sum(week["certificates"] for week in weeks) >= 1
    assert [one["account"] for one in found["registrations"]] == [made["registration"]["account"]]
    assert [one["serial"] for one in found["certificates"]] == [serial]


def test_a_list_is_read_page_by_page(office: Office) -> None:
    accounts = {office.register(subject="CN=pager,C=TW")["registration"]["account"] for _ in range(5)}

    first = office.alice.get("/registrations?text=pager&limit=2").must(200).json

    assert len(first["items"]) == 2
    assert first["next"].startswith("/api/v1/registrations?")
    assert {one["account"] for one in office.alice.all_of("/registrations?text=pager&limit=2")} == accounts
    assert office.alice.get("/registrations?after=nonsense").must(400).word == "bad-request"


def test_what_is_another_realms_does_not_exist(office: Office, tmp_path: Path) -> None:
    made = office.register(kind="organization", profiles=["device", "tls-server"])
    account, serial = made["registration"]["account"], office.enroll(made, tmp_path)
    kid = made["sheet"]["eab"]["kid"]
    branch = office.account()
    form = {"kind": "branch", "subject": f"CN={branch},C=TW", "account": branch}
    number = office.alice.post("/registrations", form).must(202).json["request"]
    places = {"account": account, "serial": serial, "number": str(number), "kid": kid}
    bodies = {"revokeCertificate": {"reason": "superseded"}}

    actions = set(office.carol.get("/me").must(200).json["actions"])
    for operation in (one for one in office.operations() if "{" in one.path and one.permitted & actions):
        url = re.sub(r"\{(\w+)\}", lambda name: places[name[1]], operation.path)
        body = bodies.get(operation.name, {}) if operation.has_body else None
        hidden = office.carol.ask(operation.method, url, body, If_Match="*")
        absent = office.carol.ask(operation.method, url_of(operation), body, If_Match="*")
        assert (hidden.must(404).word, absent.must(404).word) == ("not-found", "not-found"), operation.name
        assert _shape(hidden, places.values()) == _shape(absent, ("nobody", _SERIAL, "987654", "NOKEY"))
    assert office.carol.get(f"/certificates?account={account}").must(200).json["items"] == []
    assert office.carol.get("/requests").must(200).json["items"] == []


def _shape(answer: Answer, places: Any) -> str:
    """The text of an answer without what was asked for."""
    text = answer.body.decode()
    for place in places:
        text = re.sub(rf"\b{re.escape(place)}\b", "_", text)
    return text


def test_an_integrator_has_what_it_registered_and_nothing_else(office: Office) -> None:
    alices = office.register()["registration"]["account"]
    own = office.register(by=office.panel)["registration"]["account"]

    assert own in {one["account"] for one in office.panel.all_of("/registrations?limit=1")}
    assert alices not in {one["account"] for one in office.panel.all_of("/registrations")}
    assert office.panel.get(f"/registrations/{alices}").must(404).word == "not-found"
    assert office.panel.post(f"/registrations/{alices}/close").must(404).word == "not-found"
    assert office.panel.post(f"/registrations/{own}/close").must(200).json["status"] == "closed"
    assert office.alice.get(f"/registrations/{own}").must(200)


@pytest.mark.parametrize("account", ["officer.alice", "officer.dora", "server"])
def test_officers_and_the_server_are_no_registrations_here(office: Office, account: str) -> None:
    main = office.desk.officer(f"main-{account.rpartition('.')[2]}", "supervisor")

    assert main.get(f"/registrations/{account}").must(404).word == "not-found"
    assert main.post(f"/registrations/{account}/suspend").must(404).word == "not-found"
    assert account not in {one["account"] for one in main.all_of("/registrations")}


def test_a_second_request_with_the_same_key_is_not_carried_out_again(office: Office) -> None:
    account = office.register(kind="organization")["registration"]["account"]
    place = f"/registrations/{account}"

    first = office.alice.post(f"{place}/suspend", Idempotency_Key="one").must(200)
    again = office.alice.post(f"{place}/suspend", Idempotency_Key="one").must(200)
    other = office.alice.post(f"{place}/resume", Idempotency_Key="one")
    anothers = office.bob.post(f"{place}/suspend", Idempotency_Key="one")

    assert (again.body, again.headers["etag"]) == (first.body, first.headers["etag"])
    assert other.must(422).word == "key-reused"
    assert anothers.must(409).word == "wrong-state"
    # What was refused has changed nothing: the key is free.
    assert office.bob.post(f"{place}/resume", Idempotency_Key="one").must(200)


def test_a_secret_is_not_given_a_second_time(office: Office) -> None:
    account = office.account()
    form = {"kind": "device", "subject": f"CN={account},C=TW", "account": account}

    office.alice.post("/registrations", form, Idempotency_Key="reg").must(201)
    again = office.alice.post("/registrations", form, Idempotency_Key="reg")

    assert (again.must(409).word, again.headers["location"]) == ("handed-over", f"/api/v1/registrations/{account}")
    assert office.alice.get(f"/registrations/{account}").must(200).json["sheet"] == 1


def test_of_many_twins_at_once_one_is_carried_out(office: Office) -> None:
    account = office.account()
    form = {"kind": "device", "subject": f"CN={account},C=TW", "account": account}
    held = office.desk.certificate("twins", realm="north")
    callers = [office.desk.caller(held=held) for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda one: one.post("/registrations", form, Idempotency_Key="twin"), callers))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {answer.word for answer in answers if answer.status == 409} <= {"being-answered", "handed-over"}


def test_no_secret_is_kept_for_a_second_request(office: Office) -> None:
    sheet = office.alice.post(
        "/registrations", {"kind": "device", "subject": "CN=kept,C=TW"}, Idempotency_Key="kept"
    ).must(201)

    rows = office.house.behind_its_back("SELECT status, headers, answer FROM repeated_requests WHERE key = 'kept'")

    assert rows == [(201, rows[0][1], None)]
    assert sheet.json["sheet"]["enrollment_code"] not in str(rows)


@pytest.mark.parametrize(
    ("asked", "headers", "refused"),
    [
        (("DELETE", "/registrations", None), {}, (405, "method-not-allowed")),
        (("GET", "/nothing", None), {}, (404, "not-found")),
        (("GET", "/registrations/..", None), {}, (404, "not-found")),
        (("GET", "/requests/99999999999999999999", None), {}, (404, "not-found")),
        (("GET", "/requests/9223372036854775808", None), {}, (404, "not-found")),
        (("GET", "/me", None), {"Accept": "text/html"}, (406, "not-acceptable")),
        (("GET", "/me", None), {"Accept": "application/json;q=0, */*;q=0"}, (406, "not-acceptable")),
        (("GET", "/me?who=you", None), {}, (400, "bad-request")),
        (("GET", "/registrations?limit=0", None), {}, (400, "bad-request")),
        (("GET", "/registrations?limit=1e1", None), {}, (400, "bad-request")),
        (("GET", "/registrations?limit=1&limit=2", None), {}, (400, "bad-request")),
        (("GET", "/registrations?text=%00", None), {}, (400, "bad-request")),
        (("GET", "/requests?after=WzE4NDQ2NzQ0MDczNzA5NTUxNjE2LDFd", None), {}, (400, "bad-request")),
        (("GET", "/registrations?text=%ff", None), {}, (400, "bad-request")),
        (("POST", "/registrations", b"{"), {}, (400, "bad-request")),
        (("POST", "/registrations", b"\xff"), {}, (400, "bad-request")),
        (("POST", "/registrations", None), {}, (400, "bad-request")),
        (("POST", "/registrations", b"{}"), {"Content_Type": "text/plain"}, (415, "unsupported-media-type")),
        (("POST", "/registrations", b"[" * 70_000), {}, (413, "too-large")),
        (("POST", "/registrations", {"kind": "device"}), {}, (422, "bad-form")),
        (("POST", "/registrations/x2/suspend", {}), {}, (400, "bad-request")),
        (("POST", "/registrations/x2/suspend", None), {"Idempotency_Key": "a b"}, (400, "bad-request")),
        (("POST", "/registrations/x2/suspend", None), {"Origin": "https://evil.example"}, (403, "cross-site")),
        (("POST", "/registrations/x2/suspend", None), {"Origin": "https://["}, (403, "cross-site")),
        (("POST", "/registrations/x2/suspend", None), {"Sec_Fetch_Site": "cross-site"}, (403, "cross-site")),
    ],
)
def test_what_http_has_against_a_request_is_a_problem(
    office: Office, asked: tuple[str, str, object], headers: dict[str, str], refused: tuple[int, str]
) -> None:
    method, path, body = asked

    answer = office.alice.ask(method, path, body, **headers)

    assert (answer.status, answer.word) == refused
    assert answer.headers.get("allow") == ("GET, POST, HEAD" if answer.status == 405 else None)


def test_every_wrong_field_is_named(office: Office) -> None:
    form = {
        "kind": "device",
        "subject": "CN=x,C=ZZ",
        "account": "a b",
        "profiles": ["device"],
        "language": "fr",
        "contact": {"email": "nobody", "phone": "-"},
    }

    wrong = office.alice.post("/registrations", form).must(422)
    unknown = office.alice.post("/registrations", {**form, "contact": {"fax": "1"}}).must(422)
    early = office.alice.post(
        "/registrations", {**form, "kind": "nokind", "profiles": ["p"], "names": [{"type": "dns", "value": "A.B"}]}
    ).must(422)

    assert wrong.word == "bad-form"
    assert {one["field"] for one in wrong.json["errors"]} == {
        "subject.C",
        "account",
        "language",
        "contact.email",
        "contact.phone",
    }
    assert unknown.json["errors"] == [{"field": "contact.fax", "why": "is not known here"}]
    assert {one["field"] for one in early.json["errors"]} == {"kind", "profiles", "names[0]"}
