"""The OpenAPI 3.1 document, made of the table of operations that the router reads: it cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from importlib import metadata
from typing import Any

import msgspec

from ca_core import errors as core
from ca_core.registration.errors import SecondFactorNeeded
from ca_core.staff.role import MAY
from server import answers
from server.api.operation import JSON, ROOT, IfMatch, Operation
from server.api.problems import MEDIA_TYPE, Problem
from server.api.reading import KEY_PATTERN
from server.api.table import PLACES

_REFERENCE = "#/components/schemas/{name}"
_VARIABLE = re.compile(r"\{(\w+)\}")

# What may stand against every request, and what brings each of them.
_ALWAYS = (
    core.BadRequest,
    core.StaffUnproven,
    core.WrongSecret,
    core.CredentialExpired,
    core.CredentialRevoked,
    core.CertificateNotAccepted,
    core.CertificateExpired,
    core.CertificateRevoked,
    core.CertificateOnHold,
    SecondFactorNeeded,
    core.RegistrationSuspended,
    core.RegistrationExpired,
    core.RegistrationClosed,
    core.NotPermitted,
    core.Throttled,
    core.StoreUnavailable,
)
_ABOUT = """\
What an officer does at the desk, and a partner's program for its own registrations.

Show an officer's client certificate (`soapstone officer add`), or send the bearer token of an integrator (`soapstone
token add`). What each operation permits is decided by the role, and narrowed by a token's scope; what another realm
registered does not exist.

Whatever comes to nothing is told as a problem document (RFC 9457): programs go by `type`, people read `detail`,
and `errors` names every wrong field. Unknown fields and parameters are refused. A method that is not known gets 405.

Lists come in pages: follow `next` until it is null. A POST may carry an `Idempotency-Key` of your own: for 24 hours the
same request with the same key is carried out once and answered alike. An answer with a secret is not kept: then the
second call says that it was handed over already. Times are UTC.
"""
_HEADERS = {
    "ETag": "The version, for If-Match.",
    "Location": "Where what was made, or asked for, is.",
}


def document(operations: Sequence[Operation]) -> bytes:
    """The document as JSON.

    Args:
        operations: the whole table.
    """
    shapes = list(_shapes(operations))
    schemas, components = msgspec.json.schema_components([*shapes, Problem], ref_template=_REFERENCE)
    known: dict[type[msgspec.Struct], Any] = dict(zip([*shapes, Problem], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, known)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "soapstone registration authority",
                "version": metadata.version("soapstone"),
                "description": _ABOUT,
            },
            "servers": [{"url": ROOT}],
            "security": [{"token": []}, {"certificate": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer", "description": "A token of an integrator."},
                    "certificate": {"type": "mutualTLS", "description": "The client certificate of an officer."},
                },
            },
        }
    )


def _shapes(operations: Iterable[Operation]) -> Iterator[type[msgspec.Struct]]:
    """Every type that is sent or given, once."""
    seen: dict[type[msgspec.Struct], None] = {}
    for operation in operations:
        for shape in (operation.body, *operation.answers.values()):
            if shape is not None:
                seen[shape] = None
    yield from seen


def _described(operation: Operation, known: Mapping[type[msgspec.Struct], Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about,
        "description": _in_words(operation),
        "tags": [operation.path.split("/")[1]],
        "parameters": [*_of_path(operation), *_of_query(operation), *_of_headers(operation)],
        "responses": {**_successes(operation, known), **_problems(operation, known)},
    }
    if operation.permitted:
        told["x-permitted"] = sorted(operation.permitted)
    if operation.body is not None:
        told["requestBody"] = {
            "required": operation.needs_body,
            "content": {JSON: {"schema": known[operation.body]}},
        }
    return told


def _in_words(operation: Operation) -> str:
    if not operation.permitted:
        return f"{operation.more} For everybody who was proved.".strip()
    roles = [role.value for role, may in MAY.items() if may & operation.permitted]
    actions = " or ".join(f"`{action}`" for action in sorted(operation.permitted))
    return f"{operation.more} Needs {actions}: {', '.join(roles)}.".strip()


def _of_path(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in _VARIABLE.findall(operation.path):
        rule = PLACES[name]
        yield {"name": name, "in": "path", "required": True, "schema": rule.schema, "description": rule.about}


def _of_query(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    ((_,), components) = msgspec.json.schema_components([operation.query], ref_template="{name}")
    whole = components[operation.query.__name__]
    for name, schema in whole["properties"].items():
        told = _inline(schema, components)
        about = told.pop("description", f"Only of this {name}.")
        yield {
            "name": name,
            "in": "query",
            "required": name in whole["required"],
            "schema": told,
            "description": about,
        }


def _inline(schema: dict[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a parameter, which is a text on the wire: it may be left out, and is never null."""
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    told = {**options[0]}
    if "$ref" in told:
        told = {**components[told["$ref"]]}
        told.pop("title", None)
        told.pop("description", None)
    if schema.get("default") is not None:
        told["default"] = schema["default"]
    return told


def _of_headers(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.if_match is not IfMatch.IGNORED:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": operation.if_match is IfMatch.REQUIRED,
            "schema": {"type": "string", "pattern": r'^(\*|"[0-9]+")$'},
            "description": "The ETag of the version that you have seen, or * for any.",
        }
    if operation.is_repeatable:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": KEY_PATTERN},
            "description": "Your own name for this request: a second one with it is not carried out again.",
        }


def _successes(operation: Operation, known: Mapping[type[msgspec.Struct], Any]) -> dict[str, Any]:
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "headers": {name: {"schema": {"type": "string"}, "description": told} for name, told in _HEADERS.items()},
            "content": dict(_contents(operation, status, known)),
        }
        for status in operation.answers
    }


def _contents(
    operation: Operation, status: int, known: Mapping[type[msgspec.Struct], Any]
) -> Iterator[tuple[str, Any]]:
    """What may be given: JSON of a type, and octets of whichever other media type there is; what waits has none."""
    shape = operation.answers[status]
    for media_type in operation.media:
        if media_type != JSON and status != HTTPStatus.ACCEPTED:
            yield media_type, {}
        elif shape is not None and media_type == JSON:
            yield media_type, {"schema": known[shape]}


def _problems(operation: Operation, known: Mapping[type[msgspec.Struct], Any]) -> dict[str, Any]:
    words: dict[int, set[str]] = {}
    for refusal in (*_ALWAYS, *operation.refusals):
        status, word = answers.TABLE[refusal]
        words.setdefault(status, set()).add(word)
    for status, word in _faults(operation):
        words.setdefault(status, set()).add(word)
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(sorted(words[status]))}.",
            "content": {MEDIA_TYPE: {"schema": known[Problem]}},
        }
        for status in sorted(words)
    }


def _faults(operation: Operation) -> Iterator[tuple[int, str]]:
    """What HTTP may have against it."""
    yield HTTPStatus.NOT_ACCEPTABLE, "not-acceptable"
    yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large"
    yield HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error"
    if "{" in operation.path:
        yield HTTPStatus.NOT_FOUND, "not-found"
    if operation.method != "GET":
        yield HTTPStatus.FORBIDDEN, "cross-site"
    if operation.body is not None:
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type"
        yield HTTPStatus.UNPROCESSABLE_ENTITY, "bad-form"
    if operation.if_match is not IfMatch.IGNORED:
        yield HTTPStatus.PRECONDITION_FAILED, "changed-meanwhile"
    if operation.if_match is IfMatch.REQUIRED:
        yield HTTPStatus.PRECONDITION_REQUIRED, "precondition-required"
    if operation.is_repeatable:
        yield HTTPStatus.CONFLICT, "being-answered"
        yield HTTPStatus.CONFLICT, "handed-over"
        yield HTTPStatus.CONFLICT, "outcome-unknown"
        yield HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused"
