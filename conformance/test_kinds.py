"""Kinds out of the settings, and forms, at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from conformance.house import SOAPSTONE, free_ports, must, run

Attempt = Callable[..., "CompletedProcess[str]"]
SETTINGS = (
    "kinds.person.activation=true",
    "kinds.branch.based_on=organization",
    "kinds.branch.identity_number=tw-company",
    'kinds.branch.name_suffixes=["branch.example"]',
    'kinds.branch.grantable=["tls-server"]',
)
CONTACT = (
    "--contact-name",
    "王小明",
    "--contact-email",
    "w@example.com",
    "--phone",
    "02-1234-5678",
    "--address",
    "臺北市",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("kinds") / "home"
    sets = [part for setting in SETTINGS for part in ("--set", setting)]
    must(SOAPSTONE, "--home", made, "init", "--port", str(free_ports()), *sets)
    return made


@pytest.fixture
def attempt(home: Path) -> Attempt:
    return lambda *command: run(SOAPSTONE, "--home", home, *command)


def shown(attempt: Attempt, account: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(attempt("show", account, "--json").stdout)
    return found


def test_a_contact_and_a_realm_are_registered_amended_and_shown(attempt: Attempt) -> None:
    attempt(
        "register", "--kind", "person", "--subject", "CN=王小明,C=TW", "--account", "wang", *CONTACT, "--realm", "north"
    )
    before = shown(attempt, "wang")

    done = attempt("amend", "wang", "--phone", "03-1", "--phone", "03-1111", "--language", "en", "--version", "1")
    late = attempt("amend", "wang", "--uses", "3", "--version", "1")

    after = shown(attempt, "wang")
    assert (before["realm"], before["version"], before["contact"]["address"]) == ("north", 1, "臺北市")
    assert done.returncode == 0
    assert after["contact"] == {**before["contact"], "phone": "03-1111"}
    assert (after["version"], after["language"]) == (2, "en")
    assert late.returncode == 1
    assert "was changed meanwhile: it is of version 2, and not of 1" in late.stderr
    assert "phone: 03-1111" in attempt("show", "wang").stdout


def test_a_registration_is_renewed_with_what_has_changed(attempt: Attempt) -> None:
    attempt("register", "--kind", "person", "--subject", "CN=Old,C=TW", "--account", "new", "--email", "a@example.com")

    done = attempt(
        "renew-registration", "new", "--subject", "CN=New,C=TW", "--email", "b@example.com", "--challenged", "--json"
    )

    assert json.loads(done.stdout)["sheet"] == 2
    after = shown(attempt, "new")
    assert (after["subject"], after["names"]) == ("CN=New,C=TW", ["email:b@example.com (challenged)"])


def test_a_sheet_is_activated_once(attempt: Attempt) -> None:
    attempt("register", "--kind", "person", "--subject", "CN=Alice", "--account", "alice")

    first, again = attempt("activate", "alice"), attempt("activate", "alice")

    assert first.stdout == "sheet 1 of alice is active\n"
    assert (again.returncode, again.stderr) == (1, "soapstone: nothing of sheet 1 of alice waits to be activated\n")


def test_every_wrong_field_of_a_form_is_named_and_nobody_is_registered(attempt: Attempt) -> None:
    done = attempt(
        *("register", "--kind", "branch", "--account", "branch", "--subject", "CN=\u0410lice,C=QQ"),
        *("--dns", "www.example.org", "--identity-number", "00501502", "--phone", "none"),
    )

    assert done.returncode == 1
    for fault in (
        "subject.CN: mixes the scripts Cyrillic, Latin",
        "subject.C: is 'QQ', which is no country of ISO 3166",
        "names: dns:www.example.org is outside of branch.example",
        "contact.phone: is 'none', which is no telephone number",
        "contact.identity_number: is not a Taiwan company number, or its check digit is wrong",
    ):
        assert fault in done.stderr
    assert attempt("show", "branch").returncode == 1


@pytest.mark.parametrize("kind", ["server", "officer"])
def test_nobody_is_registered_by_hand_as_the_server_or_an_officer(attempt: Attempt, kind: str) -> None:
    done = attempt("register", "--kind", kind, "--subject", "CN=Mallory", "--account", "mallory")

    assert f"there is no kind '{kind}'" in done.stderr
    assert attempt("show", "mallory").returncode == 1


def test_a_kind_grants_no_other_profiles_and_what_is_no_kind_nothing(attempt: Attempt) -> None:
    asked = ("--subject", "CN=x", "--identity-number", "00501503")

    refused = attempt("register", "--kind", "branch", *asked, "--profile", "device")
    unknown = attempt("register", "--kind", "robot", *asked)

    assert "profiles: 'device' may not be granted to a registration of the kind branch" in refused.stderr
    assert "there is no kind 'robot'; choose one of person, organization, device, partner, branch" in unknown.stderr


def test_a_kind_that_settings_have_no_more_is_what_doctor_tells(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = home / "soapstone.toml"
    must(SOAPSTONE, "--home", home, "init", "--port", str(free_ports()), "--set", "kinds.branch.based_on=organization")
    must(SOAPSTONE, "--home", home, "register", "--kind", "branch", "--subject", "CN=x")

    before = run(SOAPSTONE, "--home", home, "doctor")
    settings.write_text(settings.read_text().partition("[kinds")[0])
    after = run(SOAPSTONE, "--home", home, "doctor")

    assert "kinds           ok  person, organization, device, partner, branch\n" in before.stdout
    assert "of the kind branch" not in before.stdout
    assert "kinds           --  registrations of the kind branch: 1, and settings do not have it" in after.stdout
