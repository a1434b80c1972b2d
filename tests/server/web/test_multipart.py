"""Forms that carry files: what browsers send is read, and all else is refused in our own words."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadRequest, TooLarge
from protocols.wire import Peer, Request
from server.bridge import MOST_BODY_OCTETS
from server.web.forms import posted
from server.web.multipart import Part, parts

TYPE = "multipart/form-data; boundary=----WebKitFormBoundaryA1"


def field(head: str, content: bytes) -> bytes:
    return f"------WebKitFormBoundaryA1\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def named(name: str, content: bytes) -> bytes:
    return field(f'Content-Disposition: form-data; name="{name}"', content)


def chosen(name: str, content: bytes, file_name: str = "a b.csr") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
    return field(f"{head}\r\nContent-Type: application/octet-stream", content)


def form(*fields: bytes) -> bytes:
    return b"".join(fields) + b"------WebKitFormBoundaryA1--\r\n"


def request(body: bytes, content_type: str = TYPE) -> Request:
    return Request("POST", "/apply", {"content-type": content_type}, body, Peer("192.0.2.7"))


def test_fields_and_files_are_told_apart_and_keep_their_order() -> None:
    body = form(
        named("csrf", b"t"), chosen("file.signing", b"\x00\r\n\xff--"), named("名", b""), chosen("none", b"", "")
    )

    assert parts(TYPE, body, most=4) == [
        Part("csrf", False, b"t"),
        Part("file.signing", True, b"\x00\r\n\xff--"),
        Part("名", False, b""),
        Part("none", True, b""),
    ]
    assert parts('Multipart/Form-Data; charset=utf-8; Boundary="x y"', b"--x y--", most=1) == []


def test_a_form_with_files_has_the_same_fields_as_one_without() -> None:
    fields = posted(
        request(form(named("a", " 一\r\n二 ".encode()), named("a", b"2"), chosen("f", b"\x30\x82"))), with_files=True
    )
    plain = posted(request(b"a=+%E4%B8%80%0D%0A%E4%BA%8C+&a=2", "application/x-www-form-urlencoded"), with_files=True)

    assert fields.items() == plain.items() == [("a", "一\n二"), ("a", "2")]
    assert (fields.file("f"), plain.file("f")) == (b"\x30\x82", b"")
    assert "f" not in fields


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form()),
        ("multipart/form-data; boundary=", form()),
        (TYPE, b""),
        (TYPE, b"preamble\r\n" + form()),
        (TYPE, form(named("a", b"1"))[:-10]),
        (TYPE, form(field("Content-Type: text/plain", b"1"))),
        (TYPE, b"------WebKitFormBoundaryA1\r\n------WebKitFormBoundaryA1--"),
        (TYPE, b"------WebKitFormBoundaryA1x\r\n" + form(named("a", b"1"))),
        (TYPE, form(named("a", b"1")).replace(b'"a"', b'"\xff"')),
        (TYPE, form(*[named("a", b"1")] * 6)),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(BadRequest):
        parts(content_type, body, most=5)


@pytest.mark.parametrize("field", [named("a", b"\xff"), named("a", b"\0"), named("\0", b"a"), named("a", b"1") * 501])
def test_fields_hold_what_those_of_any_form_may_hold(field: bytes) -> None:
    with pytest.raises(BadRequest):
        posted(request(form(field)), with_files=True)


def test_a_form_with_files_is_read_where_one_is_awaited_and_up_to_the_limit_of_all_forms() -> None:
    with pytest.raises(BadRequest):
        posted(request(form(named("a", b"1"))))
    with pytest.raises(TooLarge):
        posted(request(form(chosen("f", b"1" * MOST_BODY_OCTETS))), with_files=True)


@given(
    st.lists(st.sampled_from([b"--", b"x", b"\r\n", b"\r\n\r\n", b'Content-Disposition: form-data; name="a"', b"\0"]))
)
def test_whatever_is_sent_is_read_or_refused_as_ours(pieces: list[bytes]) -> None:
    with contextlib.suppress(BadRequest):
        for part in parts("multipart/form-data; boundary=x", b"".join(pieces), most=3):
            assert part.name == "a"
