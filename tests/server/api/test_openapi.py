"""The document says what the table says, and the table what the roles know."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ca_core.staff.role import MAY, Action
from server.api.openapi import document
from server.api.operation import Operation
from server.api.table import OPERATIONS, PLACES, Routes


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document(OPERATIONS))
    return found


def test_every_operation_is_told_and_no_other(told: dict[str, Any]) -> None:
    paths = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}

    assert told["openapi"] == "3.1.0"
    assert paths == {(one.method, one.path) for one in OPERATIONS}
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_is_told_with_all_that_can_be_sent_and_given(told: dict[str, Any], operation: Operation) -> None:
    said = told["paths"][operation.path][operation.method.lower()]

    assert said["operationId"] == operation.name
    assert re.fullmatch(r"[A-Z].*\.", said["summary"])
    assert ("requestBody" in said) == (operation.body is not None)
    assert {"400", "401", "403", "406", "429", "503"} <= set(said["responses"])
    assert {str(status) for status in operation.answers} <= set(said["responses"])
    assert all(parameter["description"] for parameter in said["parameters"])
    assert all(any(roles & operation.permitted for roles in MAY.values()) for _ in operation.permitted)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("403", "second-factor-needed"),
        ("403", "certificate-on-hold"),
        ("403", "registration-expired"),
        ("413", "too-large"),
        ("500", "internal-error"),
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_is_told_with_what_may_stand_against_any_request(
    told: dict[str, Any], operation: Operation, status: str, word: str
) -> None:
    responses = told["paths"][operation.path][operation.method.lower()]["responses"]

    assert word in responses[status]["description"]


def test_every_reference_leads_to_a_schema_that_says_what_it_is(told: dict[str, Any]) -> None:
    schemas = told["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(told)))

    assert named <= set(schemas)
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def test_what_changes_something_is_permitted_by_an_action() -> None:
    assert [one.name for one in OPERATIONS if one.method != "GET" and not one.permitted] == []
    assert [one.name for one in OPERATIONS if one.method != "GET" and Action.READ_JOURNAL in one.permitted] == []


def test_a_path_is_found_with_its_parts() -> None:
    routes = Routes(OPERATIONS)

    found = routes.at("/registrations/shop/eab-keys/K1/rotate")

    assert found is not None
    assert found.place == {"account": "shop", "kid": "K1"}
    assert set(found.operations) == {"POST"}
    assert set(PLACES) == {"account", "serial", "kid", "number"}


@pytest.mark.parametrize(
    "path",
    ["", "/", "/registrations/", "/registrations/a b", "/requests/0", "/requests/01", f"/requests/{1 << 63}", "/me\n"],
)
def test_what_is_no_path_is_not_found(path: str) -> None:
    assert Routes(OPERATIONS).at(path) is None
