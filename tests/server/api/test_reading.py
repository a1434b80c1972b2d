"""What a request sends, and what HTTP has against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wire import Peer, Request
from server.api import reading
from server.api.operation import JSON, PDF, Answer, Call, Operation
from server.api.problems import Fault


class Query(msgspec.Struct, frozen=True):
    text: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=9, description="Lines.")] = 5


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    inner: tuple[Inner, ...] = ()


async def never(call: Call) -> Answer:
    raise AssertionError(call)


OPERATION = Operation(
    name="try",
    method="POST",
    path="/try",
    about="Try.",
    handler=never,
    answers={},
    query=Query,
    body=Body,
    media=(JSON, PDF),
)


def request(query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None) -> Request:
    return Request("POST", "/api/v1/try", {"content-type": JSON, **(headers or {})}, body, Peer("192.0.2.1"), query)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", Query()), ("text=12", Query("12")), ("limit=9&text=a%20b", Query("a b", 9)), ("text=", Query(""))],
)
def test_a_query_is_read(text: str, expected: Query) -> None:
    assert reading.query(request(text), OPERATION) == expected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("limit=x", "limit"),
        ("limit=1e0", "limit"),
        ("limit=%201", "limit"),
        ("limit=10", "limit"),
        ("size=1", "size"),
        ("text=a&text=b", "query"),
    ],
)
def test_a_wrong_parameter_is_named(text: str, field: str) -> None:
    with pytest.raises(Fault) as caught:
        reading.query(request(text), OPERATION)

    assert (caught.value.status, caught.value.word) == (400, "bad-request")
    assert [fault.field for fault in caught.value.errors] == [field]


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        (b"{}", "name", "is missing"),
        (b'{"name": "x", "size": 1}', "size", "is not known here"),
        (b'{"name": 1}', "name", "expected `str`, got `int`"),
        (b'{"name": "x", "inner": [{"size": 1}, {"depth": 2}]}', "inner[1].depth", "is not known here"),
        (b"[]", "the whole", "expected `object`, got `array`"),
    ],
)
def test_a_wrong_field_is_named(body: bytes, field: str, why: str) -> None:
    with pytest.raises(Fault) as caught:
        reading.body(request(body=body), OPERATION)

    assert (caught.value.status, caught.value.word) == (422, "bad-form")
    assert caught.value.errors == ((field, why),)


def status_of(read: Callable[[], object]) -> int:
    """200, or the status of the fault."""
    try:
        read()
    except Fault as fault:
        return fault.status
    return 200


@given(st.binary(max_size=80))
def test_whatever_is_sent_is_a_body_or_a_fault(octets: bytes) -> None:
    assert status_of(lambda: reading.body(request(body=octets), OPERATION)) in {200, 400, 422}


@given(st.text(max_size=60))
def test_whatever_is_asked_is_a_query_or_a_fault(text: str) -> None:
    assert status_of(lambda: reading.query(request(text), OPERATION)) in {200, 400}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/pdf", PDF),
        ("application/pdf;q=0.5, application/json;q=0.4", PDF),
        ("application/*, application/json;q=0.1", PDF),
        ("text/html, */*;q=0.1", JSON),
        ("application/json;q=x, application/pdf", PDF),
    ],
)
def test_the_answer_is_what_is_liked_best(accept: str | None, expected: str) -> None:
    headers = {} if accept is None else {"accept": accept}

    assert reading.accepted(request(headers=headers), OPERATION) == expected


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "application/pdf;q=0, text/*"])
def test_what_cannot_be_had_is_said(accept: str) -> None:
    with pytest.raises(Fault) as caught:
        reading.accepted(request(headers={"accept": accept}), OPERATION)

    assert caught.value.status == 406


def test_the_tags_of_if_match_are_read() -> None:
    assert reading.tags(request()) is None
    assert reading.tags(request(headers={"if-match": "*"})) is None
    assert reading.tags(request(headers={"if-match": '"1", W/"2"'})) == ('"1"', 'W/"2"')
    with pytest.raises(Fault):
        reading.tags(request(headers={"if-match": "1"}))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "https://pki.example:8445", "host": "pki.example:8445"}, 200),
        ({"origin": "https://evil.example", "host": "pki.example:8445"}, 403),
        ({"origin": "null", "host": "pki.example:8445"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_pages_of_other_sites_change_nothing(headers: dict[str, str], status: int) -> None:
    assert status_of(lambda: reading.require_no_strangers(request(headers=headers))) == status


@pytest.mark.parametrize("origin", ["http://[", "https://evil.example", "null", ""])
def test_an_origin_that_is_not_ours_changes_nothing_whatever_it_looks_like(origin: str) -> None:
    with pytest.raises(Fault) as caught:
        reading.require_no_strangers(request(headers={"origin": origin, "host": "ca.example"}))

    assert caught.value.status == 403
