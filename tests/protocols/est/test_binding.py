"""RFC 7030, 3.5: a challengePassword that is present is verified."""

from __future__ import annotations

import base64

import pytest

from protocols.est.binding import check_binding
from protocols.est.errors import BindingMismatch, BindingUnavailable

TLS_UNIQUE = bytes(range(12))
PROOF = base64.b64encode(TLS_UNIQUE).decode()


def test_the_tls_unique_value_of_this_connection_binds() -> None:
    check_binding(PROOF, TLS_UNIQUE)


@pytest.mark.parametrize("tls_unique", [None, TLS_UNIQUE])
def test_a_request_without_a_challenge_password_needs_no_binding(tls_unique: bytes | None) -> None:
    check_binding(None, tls_unique)


@pytest.mark.parametrize("wrong", ["", PROOF[:-1], PROOF + "A", PROOF + "\n", PROOF.swapcase(), "päss"])
def test_any_other_value_is_refused(wrong: str) -> None:
    with pytest.raises(BindingMismatch):
        check_binding(wrong, TLS_UNIQUE)


@pytest.mark.parametrize("password", ["", PROOF])
def test_what_cannot_be_verified_is_refused_with_a_way_out(password: str) -> None:
    with pytest.raises(BindingUnavailable, match=r"leave it out, or connect with TLS 1\.2"):
        check_binding(password, None)
