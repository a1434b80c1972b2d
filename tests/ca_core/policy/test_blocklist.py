from __future__ import annotations

import hashlib
import time

import pytest

from ca_core.errors import Misconfigured
from ca_core.policy import blocklist
from ca_core.policy.blocklist import NOTHING_BLOCKED, parse

DIGESTS = [hashlib.sha256(bytes([n])).digest() for n in range(100)]


def test_what_is_listed_is_blocked_and_nothing_else() -> None:
    blocked = parse(b"".join(b"%s\n" % digest.hex().encode() for digest in DIGESTS[:99]), "list")

    assert len(blocked) == 99
    assert all(digest in blocked for digest in DIGESTS[:99])
    assert not any(other in blocked for other in (DIGESTS[99], bytes(32), b"\xff" * 32, b""))


def test_comments_empty_lines_and_repetitions_count_for_nothing() -> None:
    text = DIGESTS[0].hex()
    content = f"# leaked keys\n\n  {text}  # a router\r\n{text.upper()}\n   # {DIGESTS[1].hex()}\n".encode()

    assert parse(content, "list") == parse(text.encode(), "list")
    assert len(parse(content, "list")) == 1


def test_without_a_list_nothing_is_blocked() -> None:
    assert parse(b"# nothing yet\n", "list") == NOTHING_BLOCKED
    assert len(NOTHING_BLOCKED) == 0
    assert DIGESTS[0] not in NOTHING_BLOCKED


@pytest.mark.parametrize(
    "line",
    [
        DIGESTS[0].hex()[:-1],
        DIGESTS[0].hex() + "00",
        "z" * 64,
        "ab " * 21 + "a",
        ":".join(["ab"] * 32),
        "\u00e4" * 32,
        hashlib.sha1(b"").hexdigest(),  # noqa: S324  # the mistake that somebody would make
    ],
)
def test_a_line_that_is_no_digest_is_named(line: str) -> None:
    with pytest.raises(Misconfigured, match="list, line 3: must be the SHA-256 of a SubjectPublicKeyInfo"):
        parse(f"# one\n{DIGESTS[1].hex()}\n{line}\n".encode(), "list")


def test_a_file_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocklist, "MAX_OCTETS", 64)
    assert len(parse(DIGESTS[0].hex().encode(), "list")) == 1

    with pytest.raises(Misconfigured, match="more than 64 octets"):
        parse(DIGESTS[0].hex().encode() + b"\n", "list")


def test_a_look_into_many_keys_takes_microseconds() -> None:
    blocked = blocklist.Blocklist(b"".join(n.to_bytes(32, "big") for n in range(200_000)))
    started = time.process_time()

    assert sum((n * 7).to_bytes(32, "big") in blocked for n in range(1000)) == 1000

    assert (time.process_time() - started) / 1000 < 0.0005
