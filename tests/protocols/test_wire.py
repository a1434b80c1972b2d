"""HTTP as plain values."""

from __future__ import annotations

import pytest

from protocols.wire import Peer, Request, plain_text


@pytest.mark.parametrize(
    "written",
    [
        "application/pkcs10",
        "Application/PKCS10",
        " application/pkcs10 ; charset=utf-8",
        "application/pkcs10;a=b;c=d",
    ],
)
def test_a_media_type_is_read_without_case_and_parameters(written: str) -> None:
    request = Request("POST", "/", {"content-type": written}, b"", Peer("192.0.2.1"))

    assert request.media_type == "application/pkcs10"


def test_a_request_without_a_content_type_has_an_empty_media_type() -> None:
    assert Request("POST", "/", {}, b"", Peer("192.0.2.1")).media_type == ""


def test_plain_text_is_one_sentence_in_utf_8_with_a_final_newline() -> None:
    reply = plain_text(429, "später", ("Retry-After", "5"))

    assert reply.status == 429
    assert reply.headers == (("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "5"))
    assert reply.body == "später\n".encode()
