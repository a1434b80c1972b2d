"""schemathesis against the served OpenAPI document: what it says is what there is, whoever asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.api import Desk, Held
from conformance.clients.device import Device
from conformance.house import House, run

_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
_EXAMPLES = 8
_SEED = 20261128
_SETTINGS = ("profiles.device.hold=true", "kinds.branch.based_on=organization", "kinds.branch.approvals.register=1")
_CONFIG = """
[checks.positive_data_acceptance]
# A schema says nothing of check digits, of states, of names that others have, or of where a page begins.
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "412", "422"]

[checks.missing_required_header]
# RFC 6585, 3 has a status of its own for it.
expected-statuses = ["428", "404", "403"]
"""
_PROVED_BY_TLS = """
[checks.ignored_auth]
# It leaves the Authorization header out, and the certificate stays.
enabled = false
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    house = House(tmp_path_factory.mktemp("schema"), *_SETTINGS)
    try:
        house.start()
        desk = Desk(house, tmp_path_factory.mktemp("staff"))
        yield desk
        desk.close()
    finally:
        house.close()


def explored(desk: Desk, folder: Path, *options: str | Path, settings: str = "") -> None:
    """Run it; it has to find nothing."""
    config = folder / "schemathesis.toml"
    config.write_text(settings + _CONFIG)
    done = run(
        *(_SCHEMATHESIS, "--config-file", config, "--no-color", "run"),
        f"https://localhost:{desk.house.port + 2}/api/v1/openapi.json",
        *("--tls-verify", desk.house.trust, "--max-examples", str(_EXAMPLES), "--seed", str(_SEED)),
        *("--generation-database", "none", "--generation-with-security-parameters", "false", *options),
        cwd=folder,
        timeout=110,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-12_000:]


def certified(held: Held) -> tuple[str | Path, ...]:
    """Its options for an officer's certificate."""
    return "--request-cert", held.certificate, "--request-cert-key", held.key


def test_an_officer_meets_nothing_that_the_document_does_not_say(desk: Desk, tmp_path: Path) -> None:
    held = desk.certificate("alice", "supervisor")

    explored(desk, tmp_path, *certified(held), "--phases", "coverage", settings=_PROVED_BY_TLS)


def test_an_integrator_meets_nothing_that_the_document_does_not_say(desk: Desk, tmp_path: Path) -> None:
    desk.integrator("panel")

    token = f"Authorization: Bearer {desk.token('panel')}"
    explored(desk, tmp_path, "--header", token, "--phases", "fuzzing")


def test_where_something_is_an_officer_meets_nothing_that_the_document_does_not_say(desk: Desk, tmp_path: Path) -> None:
    held = desk.certificate("dora", "supervisor")
    dora = desk.caller(held=held)
    form = {"kind": "organization", "subject": "CN=shop,C=TW", "account": "shop", "profiles": ["device", "tls-server"]}
    made = dora.post("/registrations", form).must(201).json
    waits = dora.post("/registrations", {"kind": "branch", "subject": "CN=branch,C=TW"}).must(202).json
    assert Device(desk.house, tmp_path / "device").enroll(made["sheet"]) == 200
    (issued,) = dora.get("/certificates?account=shop").must(200).json["items"]
    there = {
        "account": "shop",
        "kid": made["sheet"]["eab"]["kid"],
        "serial": issued["serial"],
        "number": waits["request"],
    }
    named = "".join(f"{name} = {json.dumps(value)}\n" for name, value in there.items())

    # What is closed stays closed, and all the rest would only be told so.
    explored(
        desk,
        tmp_path,
        *(*certified(held), "--phases", "fuzzing", "--exclude-operation-id", "closeRegistration"),
        settings=f"[parameters]\n{named}{_PROVED_BY_TLS}",
    )

    assert dora.get("/registrations/shop").must(200).json["version"] > 5
