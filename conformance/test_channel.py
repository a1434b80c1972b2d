"""The channel between an EST client and us: proof of possession on it (RFC 7030, 3.5; RFC 9266; RFC 7894)."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.channel import (
    CHALLENGE_PASSWORD,
    EST_IDENTITY_LINKING,
    OTP_CHALLENGE,
    REVOCATION_CHALLENGE,
    Connection,
    OpensslClient,
    Tls12,
    Tls13,
    enroll_head,
    exchange,
    request,
)
from conformance.house import House, must

BOTH: list[Callable[[House], Connection]] = [Tls12, Tls13]
ALL = [*BOTH, OpensslClient]
LINKS = [CHALLENGE_PASSWORD, EST_IDENTITY_LINKING]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("channel"), 'est.labels.signing.challenge_password="pop-required"')
    built.start()
    yield built
    built.close()


@pytest.fixture
def sheet(shared: House) -> dict[str, Any]:
    return shared.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--uses", "unlimited")


def proof(connection: Connection) -> bytes:
    return base64.b64encode(connection.binding())


@pytest.mark.parametrize("tls", ALL)
@pytest.mark.parametrize("link", LINKS, ids=["challengePassword", "estIdentityLinking"])
def test_a_request_that_was_signed_for_its_connection_is_granted(
    shared: House, sheet: dict[str, Any], tls: Callable[[House], Connection], link: Any
) -> None:
    connection = tls(shared)

    status, body = exchange(connection, enroll_head(sheet), request("sensor", [(link, proof(connection))]))

    connection.close()
    assert status == 200, body
    assert len(shared.certificates(sheet["account"])) == 1


def test_what_was_exported_is_used_once(shared: House, sheet: dict[str, Any]) -> None:
    """RFC 9266, 4.1: the connection ends with the request that it proved; a wrong one has proved nothing."""
    connection = Tls13(shared)

    wrong, _ = exchange(connection, enroll_head(sheet), request("sensor", [(EST_IDENTITY_LINKING, b"wrong")]))
    granted, _ = exchange(
        connection, enroll_head(sheet), request("sensor", [(EST_IDENTITY_LINKING, proof(connection))])
    )
    ended = connection.hear()

    connection.close()
    assert (wrong, granted, ended) == (403, 200, b"")


def test_tls_unique_leaves_its_connection_open(shared: House, sheet: dict[str, Any]) -> None:
    connection = Tls12(shared)

    granted, _ = exchange(connection, enroll_head(sheet), request("sensor", [(CHALLENGE_PASSWORD, proof(connection))]))
    read, _ = exchange(connection, "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n")

    connection.close()
    assert (granted, read) == (200, 200)


@pytest.mark.parametrize("tls", BOTH)
def test_a_request_for_another_connection_is_refused(
    shared: House, sheet: dict[str, Any], tls: Callable[[House], Connection]
) -> None:
    other, connection = tls(shared), tls(shared)
    value, own = proof(other), proof(connection)
    wrong = [
        *([(link, value)] for link in LINKS),
        *([(link, own + b"AAAA")] for link in LINKS),
        [(CHALLENGE_PASSWORD, own), (EST_IDENTITY_LINKING, value)],
        [(CHALLENGE_PASSWORD, value), (EST_IDENTITY_LINKING, own)],
    ]

    answers = [exchange(connection, enroll_head(sheet), request("sensor", attributes)) for attributes in wrong]

    other.close()
    connection.close()
    assert [status for status, _ in answers] == [403] * len(wrong)
    assert shared.certificates(sheet["account"]) == []


def test_what_another_label_exports_binds_nothing(shared: House, sheet: dict[str, Any]) -> None:
    connection = Tls13(shared, label=b"EXPORTER-Something-Else")

    status, _ = exchange(connection, enroll_head(sheet), request("sensor", [(CHALLENGE_PASSWORD, proof(connection))]))

    connection.close()
    assert status == 403


def test_other_challenges_are_refused_and_not_overlooked(shared: House, sheet: dict[str, Any]) -> None:
    connection = Tls13(shared)

    answers = [
        exchange(connection, enroll_head(sheet), request("sensor", [(kind, b"secret")]))
        for kind in (OTP_CHALLENGE, REVOCATION_CHALLENGE)
    ]

    connection.close()
    assert [status for status, _ in answers] == [400, 400]
    assert all(b"leave it out" in body for _, body in answers)


def test_nothing_is_resumed(shared: House, tmp_path: Path) -> None:
    session = tmp_path / "session"
    connect = ("openssl", "s_client", "-connect", f"localhost:{shared.port + 1}", "-CAfile", shared.trust)

    for version in ("-tls1_2", "-tls1_3"):
        # Under TLS 1.3 no ticket comes, so that there may be no session to keep.
        must(*connect, version, "-sess_out", session, stdin=subprocess.DEVNULL)
        again = must(*connect, version, *(("-sess_in", session) if session.exists() else ()), stdin=subprocess.DEVNULL)
        session.unlink(missing_ok=True)

        assert "Reused, " not in again
        assert "New, " in again


def test_doctor_says_which_channel_bindings_there_are(shared: House) -> None:
    assert "channel binding ok  tls-unique for TLS 1.2, and, for TLS 1.3, tls-exporter" in shared.command("doctor")


def test_where_possession_must_be_proved_a_client_learns_it_and_nobody_passes_without(shared: House) -> None:
    sheet = shared.register("--kind", "person", "--subject", "CN=Lin,C=TW", "--uses", "unlimited")
    connection = Tls13(shared)
    head = enroll_head(sheet, "signing/simpleenroll")

    _, asked = exchange(connection, "GET /.well-known/est/signing/csrattrs HTTP/1.1\r\nHost: localhost\r\n")
    without, why = exchange(connection, head, request("Lin", []))
    bound, _ = exchange(connection, head, request("Lin", [(CHALLENGE_PASSWORD, proof(connection))]))

    connection.close()
    # The object identifier of challengePassword, 1.2.840.113549.1.9.7.
    assert bytes.fromhex("06092a864886f70d010907") in base64.b64decode(asked)
    assert (without, bound) == (403, 200)
    assert b"bound to its TLS connection" in why
