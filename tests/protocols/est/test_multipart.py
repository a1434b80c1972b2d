"""RFC 7030, 4.4.2: a private key and its certificate in one reply."""

from __future__ import annotations

import pytest

from protocols.est.multipart import CLEAR, ENVELOPED, key_reply
from tests.builders.est import header, parts_of

KEY = bytes(range(200))
CERTIFICATES = bytes(range(100))


@pytest.mark.parametrize("single_line", [True, False])
@pytest.mark.parametrize("kind", [CLEAR, ENVELOPED])
def test_a_mail_reader_finds_the_key_and_the_certificate(kind: str, single_line: bool) -> None:
    reply = key_reply(kind, KEY, CERTIFICATES, single_line=single_line)

    found, certificates = parts_of(reply)
    assert (found.content_type, found.encoding, found.content) == (kind, "base64", KEY)
    assert certificates.content_type == "application/pkcs7-mime; smime-type=certs-only"
    assert (certificates.encoding, certificates.content) == ("base64", CERTIFICATES)


def test_every_line_ends_with_crlf_and_nobody_keeps_the_answer() -> None:
    reply = key_reply(CLEAR, KEY, CERTIFICATES, single_line=False)

    assert reply.body.count(b"\n") == reply.body.count(b"\r\n")
    assert reply.body.endswith(b"--\r\n")
    assert max(map(len, reply.body.split(b"\r\n"))) <= 76
    assert header(reply, "Cache-Control") == "no-store"
