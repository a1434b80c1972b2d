"""RFC 5272, 4.2 and 6: answers, nonces, tokens and proofs."""

from __future__ import annotations

import pytest
from asn1crypto import core

from ca_core import errors
from ca_core.errors import NotFound
from conformance.cmc import FAILED, NO_SUPPORT, PENDING, SUCCESS, PkiResponse, StatusInfo
from protocols.cmc import failures, tokens
from protocols.cmc.errors import IdentityUnproven, Replayed, RequestsNotServed, UnknownControls
from protocols.cmc.failures import FailInfo
from protocols.cmc.nonces import REMEMBERED_SECONDS, UsedNonces
from protocols.cmc.parts import NO_ECHO, Echo
from protocols.cmc.responses import Done, Failed, Pending, content
from protocols.cmc.tokens import WaitingRequest, WaitingRevocation

NOW = 1_900_000_000


def controls(encoded: bytes) -> list[tuple[int, str, core.Any]]:
    response = PkiResponse.load(encoded, strict=True)
    return [(one["number"].native, one["kind"].dotted.split(".")[-1], one["values"][0]) for one in response["controls"]]


def test_each_part_has_its_status_and_the_request_comes_back() -> None:
    outcomes = (
        Done(1, b"certificate"),
        Pending(2, b"token", 15, "wait", NOW),
        Failed(3, errors.WeakKey("too weak")),
        Failed(4, RequestsNotServed("not served", body_parts=(4,))),
        Failed(5, UnknownControls("unknown", body_parts=(5, 6)), (6,)),
    )

    listed = controls(content(outcomes, Echo(7, b"nonce", b"data"), nonce=b"fresh"))

    assert [number for number, _, _ in listed] == list(range(1, 10))
    assert [kind for _, kind, _ in listed] == ["25"] * 5 + ["5", "7", "6", "4"]
    infos = [value.parse(StatusInfo).native for _, _, value in listed[:5]]
    assert [info["status"] for info in infos] == [SUCCESS, PENDING, FAILED, NO_SUPPORT, FAILED]
    assert [info["body"] for info in infos] == [[1], [2], [3], [4], [5, 6]]
    # A failInfo stands beside the status failed only (RFC 5272, 6.1.1).
    assert [info["fail"] for info in infos] == [None, None, FailInfo.BAD_ALG, None, FailInfo.BAD_REQUEST]
    assert [info["text"] for info in infos] == [None, "wait", "too weak", "not served", "unknown"]
    assert infos[1]["pend"]["token"] == b"token"
    assert infos[1]["pend"]["time"].timestamp() == NOW + 15
    assert [value.parse().native for _, _, value in listed[5:]] == [7, b"nonce", b"fresh", b"data"]


def test_what_was_not_sent_does_not_come_back() -> None:
    assert len(controls(content((Done(1),), NO_ECHO, nonce=b"fresh"))) == 1


def test_a_long_text_is_cut() -> None:
    ((_, _, value),) = controls(content((Failed(1, errors.BadCsr("x" * 1000)),), NO_ECHO, nonce=b"fresh"))

    assert len(value.parse(StatusInfo)["text"].native) == 500


def test_a_refusal_without_a_number_of_its_own_is_a_bad_request() -> None:
    assert failures.fail_info(errors.BadCsr("x")) is FailInfo.BAD_REQUEST
    assert failures.fail_info(IdentityUnproven("x")) is FailInfo.AUTH_DATA_FAIL
    assert failures.fail_info(errors.KeyInUse("x")) is FailInfo.NO_KEY_REUSE


def test_a_nonce_is_used_once_by_one_sender() -> None:
    nonces = UsedNonces()
    nonces.use("a", b"n", now=NOW)

    nonces.use("b", b"n", now=NOW)
    with pytest.raises(Replayed):
        nonces.use("a", b"n", now=NOW + REMEMBERED_SECONDS)
    nonces.use("a", b"n", now=NOW + REMEMBERED_SECONDS + 1)


def test_of_too_many_nonces_the_oldest_is_forgotten() -> None:
    nonces = UsedNonces(most=2)
    for nonce in (b"1", b"2", b"3"):
        nonces.use("a", nonce, now=NOW)

    with pytest.raises(Replayed):
        nonces.use("a", b"3", now=NOW)
    nonces.use("a", b"1", now=NOW)


@pytest.mark.parametrize("waiting", [WaitingRequest(7), WaitingRevocation("4f" * 20)])
def test_a_token_says_what_waits(waiting: WaitingRequest | WaitingRevocation) -> None:
    assert tokens.read(waiting.token) == waiting


@pytest.mark.parametrize("token", [b"", b"e", b"x" * 9, b"e" + bytes(9), b"r" + bytes(19)])
def test_what_was_not_handed_out_is_no_token(token: bytes) -> None:
    with pytest.raises(NotFound):
        tokens.read(token)


def test_no_failure_has_a_number_of_our_own() -> None:
    assert [one.value for one in FailInfo] == list(range(14))
