"""The desk listener, as curl meets it: officers by certificate, integrators by token, and everybody else."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from conformance.clients.device import Device
from conformance.house import SOAPSTONE, House, must, run


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: str
    body: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Staff:
    """The house, and curl at its desk."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self._folder = folder

    @property
    def url(self) -> str:
        return f"https://localhost:{self.house.port + 2}"

    def take_on(self, name: str, role: str, *options: str) -> tuple[str, ...]:
        """Take an officer on with a key of their own; returns curl's options for it."""
        key, request, certificate = (self._folder / f"{name}.{what}" for what in ("key", "csr", "pem"))
        must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        must("openssl", "req", "-new", "-key", key, "-subj", "/CN=anybody", "-out", request)
        made = self.house.command("officer", "add", name, "--role", role, "--csr", str(request), *options, "--json")
        certificate.write_text(json.loads(made)["certificate"])
        return "--cert", str(certificate), "--key", str(key)

    def get(self, path: str, *options: str) -> Answer:
        """GET a page or a resource."""
        headers, body = self._folder / "headers", self._folder / "body"
        body.unlink(missing_ok=True)
        status = must(
            *("curl", "--silent", "--show-error", "--cacert", self.house.trust, "-D", headers, "-o", body),
            *("-w", "%{http_code}", *options, f"{self.url}{path}"),
        )
        return Answer(int(status), headers.read_text().lower(), body.read_text() if body.exists() else "")


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staff]:
    house = House(tmp_path_factory.mktemp("house"))
    try:
        house.start()
        yield Staff(house, tmp_path_factory.mktemp("staff"))
    finally:
        house.close()


def test_an_officer_is_told_who_they_are_and_what_they_may_do(staff: Staff) -> None:
    alice = staff.take_on("alice", "officer", "--realm", "north")

    me = staff.get("/api/v1/me", *alice)
    page = staff.get("/", *alice)

    assert (me.status, me.json["name"], me.json["role"], me.json["realm"]) == (200, "alice", "officer", "north")
    assert "registrations:register" in me.json["actions"]
    assert "registrations:close" not in me.json["actions"]
    assert page.status == 200
    assert "<code>alice</code>" in page.body
    assert 'lang="zh-Hant"' in page.body


def test_who_has_no_certificate_is_told_how_to_get_one(staff: Staff) -> None:
    me, page = staff.get("/api/v1/me"), staff.get("/")

    assert (me.status, me.json["type"]) == (401, "urn:soapstone:problem:unproven")
    assert "soapstone officer add" in me.json["detail"]
    assert "content-type: application/problem+json" in me.headers
    assert "www-authenticate: bearer" in me.headers
    assert page.status == 403
    assert "soapstone officer add" in page.body
    assert "www-authenticate" not in page.headers


def test_a_subscribers_certificate_opens_nothing(staff: Staff, tmp_path: Path) -> None:
    sheet = staff.house.register("--kind", "device", "--subject", "CN=meter,O=Fleet,C=TW", "--account", "meter")
    device = Device(staff.house, tmp_path)
    assert device.enroll(sheet) == 200
    held, key = device.keep()

    answer = staff.get("/api/v1/me", "--cert", str(held), "--key", str(key))

    assert (answer.status, answer.json["type"]) == (403, "urn:soapstone:problem:certificate-not-accepted")
    assert "subscriber's" in answer.json["detail"]


def test_an_officers_certificate_is_renewed_by_no_door(staff: Staff, tmp_path: Path) -> None:
    _, certificate, _, key = staff.take_on("renate", "officer")
    device = Device(staff.house, tmp_path, subject="/CN=renate")

    for path in ("simplereenroll", "simpleenroll", "officer/simpleenroll"):
        assert device.post(path, "--cert", certificate, "--key", key) in {403, 404}


def test_a_suspension_counts_for_the_next_request(staff: Staff) -> None:
    bob = staff.take_on("bob", "supervisor")
    assert staff.get("/api/v1/me", *bob).status == 200

    staff.house.command("suspend", "officer.bob")
    suspended, page = staff.get("/api/v1/me", *bob), staff.get("/", *bob)
    staff.house.command("resume", "officer.bob")
    resumed = staff.get("/api/v1/me", *bob)
    staff.house.command("officer", "end", "bob")
    ended = staff.get("/api/v1/me", *bob)

    assert (suspended.status, suspended.json["type"]) == (403, "urn:soapstone:problem:registration-suspended")
    assert (page.status, "suspended" in page.body) == (403, True)
    assert resumed.status == 200
    assert (ended.status, ended.json["type"]) == (403, "urn:soapstone:problem:certificate-revoked")


def test_a_token_opens_the_api_and_no_page(staff: Staff) -> None:
    staff.house.command("officer", "add", "panel", "--role", "integrator")
    made = json.loads(
        staff.house.command("token", "add", "panel", "--scope", "registrations:read", "--days", "7", "--json")
    )
    bearer = ("-H", f"Authorization: Bearer {made['token']}")

    me, page = staff.get("/api/v1/me", *bearer), staff.get("/", *bearer)
    wrong = staff.get("/api/v1/me", "-H", f"Authorization: Bearer {made['token'][:-1]}!")
    staff.house.command("suspend", "officer.panel")
    suspended = staff.get("/api/v1/me", *bearer)
    staff.house.command("resume", "officer.panel")
    staff.house.command("token", "end", made["token_id"])
    ended = staff.get("/api/v1/me", *bearer)

    assert (me.status, me.json["role"], me.json["actions"]) == (200, "integrator", ["registrations:read"])
    assert page.status == 403
    assert (wrong.status, wrong.json["type"]) == (401, "urn:soapstone:problem:wrong-secret")
    assert (suspended.status, suspended.json["type"]) == (403, "urn:soapstone:problem:registration-suspended")
    assert (ended.status, ended.json["type"]) == (401, "urn:soapstone:problem:credential-revoked")


def test_a_p12_is_its_owners_alone_and_opens_the_desk(staff: Staff, tmp_path: Path) -> None:
    path = tmp_path / "carol.p12"

    made = json.loads(staff.house.command("officer", "add", "carol", "--role", "auditor", "--p12", str(path), "--json"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held = load_pkcs12(path.read_bytes(), made["passphrase"].encode())
    assert held.cert is not None
    assert len(held.additional_certs) == 1
    curl = ("--cert-type", "P12", "--cert", f"{path}:{made['passphrase']}")
    assert staff.get("/api/v1/me", *curl).json["role"] == "auditor"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "Dave", "--role", "officer", "--p12", "x.p12"), "lower-case"),
        (("add", "dave", "--role", "officer"), "--p12 FILE"),
        (("add", "dave", "--role", "officer", "--realm", "*", "--p12", "x.p12"), "works in one realm"),
        (("add", "dave", "--role", "officer", "--realm", "North", "--p12", "x.p12"), "realm's name"),
        (("end", "nobody"), "no officer nobody"),
    ],
)
def test_what_makes_no_officer_is_refused(staff: Staff, arguments: tuple[str, ...], said: str) -> None:
    done = run(SOAPSTONE, "--home", staff.house.home, "officer", *arguments)

    assert done.returncode != 0
    assert said in done.stderr


def test_a_name_is_given_once(staff: Staff, tmp_path: Path) -> None:
    staff.take_on("erin", "officer")
    staff.house.command("officer", "end", "erin")

    again = run(
        *(SOAPSTONE, "--home", staff.house.home, "officer", "add", "erin", "--role", "officer"),
        *("--p12", tmp_path / "erin.p12"),
    )

    assert again.returncode != 0
    assert "there is, or was, an officer erin already" in again.stderr
    listed = {one["name"]: one for one in json.loads(staff.house.command("officer", "list", "--json"))}
    assert listed["erin"]["ended_at"] is not None


def test_nobody_is_taken_on_whose_certificate_could_not_be_handed_over(staff: Staff, tmp_path: Path) -> None:
    there, nonsense = tmp_path / "there.p12", tmp_path / "nonsense.csr"
    there.write_bytes(b"mine")
    nonsense.write_bytes(b"0\0")
    words = (SOAPSTONE, "--home", staff.house.home, "officer", "add", "gina", "--role", "officer")

    done = [
        run(*words, "--p12", there),
        run(*words, "--p12", tmp_path / "nowhere" / "gina.p12"),
        run(*words, "--csr", nonsense),
    ]

    assert [one.returncode for one in done] == [1, 1, 1]
    assert [len(one.stderr.splitlines()) for one in done] == [1, 1, 1]
    assert "choose another file" in done[0].stderr
    assert there.read_bytes() == b"mine"
    listed = json.loads(staff.house.command("officer", "list", "--json"))
    assert "gina" not in {one["name"] for one in listed}
    assert staff.take_on("gina", "officer")


def test_who_was_taken_on_without_a_certificate_gets_it_by_the_command_that_the_refusal_names(
    staff: Staff, tmp_path: Path
) -> None:
    weak, path = tmp_path / "weak.csr", tmp_path / "hugo.p12"
    key = ("-newkey", "rsa:1024", "-nodes", "-keyout", tmp_path / "weak.key")
    must("openssl", "req", "-new", *key, "-subj", "/CN=x", "-out", weak)
    words = (SOAPSTONE, "--home", staff.house.home, "officer", "add", "hugo", "--role", "officer", "--csr", weak)

    done = run(*words)
    made = json.loads(staff.house.command("officer", "certificate", "hugo", "--p12", str(path), "--json"))

    assert done.returncode == 1
    assert "hugo is taken on, but has no certificate yet: soapstone officer certificate hugo makes one" in done.stderr
    curl = ("--cert-type", "P12", "--cert", f"{path}:{made['passphrase']}")
    assert staff.get("/api/v1/me", *curl).json["name"] == "hugo"


def test_a_partner_is_registered_once_another_officer_agrees(tmp_path: Path) -> None:
    house = House(tmp_path, "kinds.partner.approvals.register=1")
    try:
        form = ("--kind", "partner", "--subject", "CN=panel,O=Example,C=TW", "--account", "panel", "--json")

        asked = json.loads(house.command("register", *form))
        own = run(SOAPSTONE, "--home", house.home, "requests", "approve", str(asked["request"]))
        (waits,) = json.loads(house.command("requests", "list", "--json"))

        assert asked["needed"] == 1
        assert (own.returncode, "your own" in own.stderr) == (1, True)
        assert (waits["kind"], waits["account"], waits["state"]) == ("register", "panel", "pending")
        assert run(SOAPSTONE, "--home", house.home, "show", "panel").returncode == 1
    finally:
        house.close()


def test_commands_ask_others_too_before_what_was_vetted_changes(tmp_path: Path) -> None:
    house = House(tmp_path)
    try:
        sheet = house.register("--kind", "partner", "--subject", "CN=panel,C=TW", "--account", "panel")
        with (house.home / "soapstone.toml").open("a") as settings:
            settings.write("\n[kinds.partner.approvals]\nregister = 1\nreprint = 1\n")

        amended = house.command("amend", "panel", "--dns", "bank.example")
        renewed = house.command("renew-registration", "panel", "--subject", "CN=bank,C=TW")
        added = house.attempt("eab", "add", "panel")
        rotated = house.attempt("eab", "rotate", sheet["eab"]["kid"])
        listed = house.command("requests")
        shown = json.loads(house.command("show", "panel", "--json"))
    finally:
        house.close()

    assert "waits for another officer" in amended
    assert "waits for another officer" in renewed
    for refused in (added, rotated):
        assert (refused.returncode, "ask for a new sheet: soapstone sheet panel" in refused.stderr) == (1, True)
    assert "names: - -> dns:bank.example" in listed
    assert "subject: CN=panel,C=TW -> CN=bank,C=TW" in listed
    assert (shown["names"], shown["subject"]) == ([], "CN=panel,C=TW")


def test_what_waits_is_listed_with_what_it_is_about(tmp_path: Path) -> None:
    house = House(tmp_path, "kinds.partner.approvals.register=1", "kinds.device.approvals={revoke=1,reprint=1}")
    try:
        house.start()
        partner = ("--kind", "partner", "--subject", "CN=panel,C=TW", "--dns", "www.panel.example")
        sheet = house.register("--kind", "device", "--subject", "CN=meter,C=TW", "--account", "meter")
        assert Device(house, tmp_path / "device").enroll(sheet) == 200
        (certificate,) = house.certificates("meter")

        house.command("register", *partner)
        house.command("revoke", certificate["serial"], "--reason", "superseded", "--note", "replaced")
        house.command("sheet", "meter")
        listed = house.command("requests").splitlines()
        in_json = json.loads(house.command("requests", "--json"))
    finally:
        house.close()

    register, revoke, reprint = (line.partition("Z  ")[2] for line in listed)
    me = in_json[0]["actor"]
    assert register == f"-  partner  CN=panel,C=TW  dns:www.panel.example  from {me}"
    assert revoke == f"meter  {certificate['serial']}  superseded  from {me}  replaced"
    assert reprint == f"meter  from {me}"
    assert [(one["account"], one["subscriber"], one["subject"]) for one in in_json] == [
        (None, "partner", "CN=panel,C=TW"),
        ("meter", None, None),
        ("meter", None, None),
    ]
