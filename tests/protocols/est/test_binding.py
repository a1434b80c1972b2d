"""RFC 7030, 3.5; RFC 9266; RFC 7894: a channel binding that is present is verified."""

from __future__ import annotations

import base64

import msgspec
import pytest

from ca_core.policy.request import CertificationRequest, parse
from protocols.est.binding import check_binding, is_spent
from protocols.est.errors import BindingMismatch, BindingUnavailable, ChallengeNotOffered
from protocols.wire import Peer, Request
from tests.builders.csr import csr

TLS_UNIQUE = bytes(range(12))
EXPORTED = bytes(range(32))
PROOF = base64.b64encode(TLS_UNIQUE).decode()
PEER = Peer("192.0.2.7", tls_unique=TLS_UNIQUE)
UNBOUND = Peer("192.0.2.7")
NOTHING = parse(csr())


def saying(**attributes: str) -> CertificationRequest:
    return msgspec.structs.replace(NOTHING, **attributes)


@pytest.mark.parametrize("attribute", ["challenge_password", "identity_linking"])
def test_the_tls_unique_value_of_this_connection_binds(attribute: str) -> None:
    assert check_binding(saying(**{attribute: PROOF}), PEER)


@pytest.mark.parametrize("attribute", ["challenge_password", "identity_linking"])
def test_what_is_exported_binds_under_tls_1_3(attribute: str) -> None:
    peer = Peer("192.0.2.7", tls_exporter=EXPORTED)

    assert check_binding(saying(**{attribute: base64.b64encode(EXPORTED).decode()}), peer)
    with pytest.raises(BindingMismatch):
        check_binding(saying(**{attribute: PROOF}), peer)


@pytest.mark.parametrize("peer", [PEER, UNBOUND])
def test_a_request_without_a_value_needs_no_binding_and_has_none(peer: Peer) -> None:
    assert not check_binding(NOTHING, peer)


@pytest.mark.parametrize("wrong", ["", PROOF[:-1], PROOF + "A", PROOF + "\n", PROOF.swapcase(), "päss"])
@pytest.mark.parametrize("attribute", ["challenge_password", "identity_linking"])
def test_any_other_value_is_refused(attribute: str, wrong: str) -> None:
    # RFC 7030, 3.5: who is refused hears that it is for the link with the connection.
    with pytest.raises(BindingMismatch, match="is not the channel binding of this connection"):
        check_binding(saying(**{attribute: wrong}), PEER)


def test_of_two_values_both_are_verified() -> None:
    assert check_binding(saying(challenge_password=PROOF, identity_linking=PROOF), PEER)
    with pytest.raises(BindingMismatch):
        check_binding(saying(challenge_password="other", identity_linking=PROOF), PEER)
    with pytest.raises(BindingMismatch):
        check_binding(saying(challenge_password=PROOF, identity_linking="other"), PEER)


@pytest.mark.parametrize("password", ["", PROOF])
@pytest.mark.parametrize("attribute", ["challenge_password", "identity_linking"])
def test_what_cannot_be_verified_is_refused_with_a_way_out(attribute: str, password: str) -> None:
    with pytest.raises(BindingUnavailable, match=r"leave it out, or connect .* TLS 1\.2"):
        check_binding(saying(**{attribute: password}), UNBOUND)


def test_a_one_time_code_is_no_binding() -> None:
    assert not check_binding(saying(challenge_password="code", otp_challenge="code"), PEER, is_otp=True)
    with pytest.raises(BindingMismatch):
        check_binding(saying(challenge_password="code", identity_linking="other"), PEER, is_otp=True)


def test_a_challenge_that_nobody_could_verify_is_not_overlooked() -> None:
    with pytest.raises(ChallengeNotOffered):
        check_binding(saying(otp_challenge="code", identity_linking=PROOF), PEER)
    with pytest.raises(ChallengeNotOffered):
        check_binding(saying(revocation_challenge="code"), PEER, is_otp=True)


@pytest.mark.parametrize(
    ("peer", "body", "spent"),
    [
        (Peer("192.0.2.7", tls_exporter=EXPORTED), base64.b64encode(EXPORTED), True),
        (Peer("192.0.2.7", tls_exporter=EXPORTED), base64.b64encode(EXPORTED[1:]), False),
        # A BMPString is read as well as the other kinds of strings.
        (Peer("192.0.2.7", tls_exporter=EXPORTED), base64.b64encode(EXPORTED).decode().encode("utf-16-be"), True),
        (Peer("192.0.2.7", tls_exporter=EXPORTED), b"", False),
        (PEER, base64.b64encode(TLS_UNIQUE), False),
        (UNBOUND, base64.b64encode(EXPORTED), False),
    ],
)
def test_what_a_connection_exports_is_for_one_request(peer: Peer, body: bytes, spent: bool) -> None:
    """RFC 9266, 4.1."""
    whole = base64.encodebytes(csr() + body)

    assert is_spent(Request("POST", "/.well-known/est/simpleenroll", {}, whole, peer)) is spent
    assert not is_spent(Request("POST", "/.well-known/est/simpleenroll", {}, b"no base64!", peer))
