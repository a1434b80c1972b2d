"""Linking identity and proof of possession (RFC 7030, 3.5): a request that carries what only its connection has.

The value is the base64 of the connection's channel binding: tls-unique under TLS 1.2, tls-exporter under TLS 1.3
(RFC 9266). It stands in the challengePassword, or in the estIdentityLinking that RFC 7894 made for it.
"""

from __future__ import annotations

import base64
import hmac

from ca_core.errors import BadRequest
from ca_core.policy.request import CertificationRequest
from protocols.encoding import lenient_base64
from protocols.est.errors import BindingMismatch, BindingRequired, BindingUnavailable, ChallengeNotOffered
from protocols.wire import Peer, Request


def check_binding(
    request: CertificationRequest, peer: Peer, *, is_otp: bool = False, is_required: bool = False
) -> bool:
    """Verify every value that is present; one that is absent proves nothing and needs nothing, unless it is required.

    Args:
        request: whose attributes they are.
        peer: whose connection it is.
        is_otp: whether the challengePassword is a one-time code here, which is for others to verify (RFC 7894, 3).
        is_required: whether one must be present.

    Returns:
        Whether there was one: the request was then signed for this connection.

    Raises:
        ChallengeNotOffered: a challenge of RFC 7894 that nobody asked for, and that nobody could verify.
        BindingRequired: there is none, and there must be.
        BindingUnavailable: there is nothing to compare it with.
        BindingMismatch: it is another one's, or longer or shorter than it should be.
    """
    if request.revocation_challenge is not None or (request.otp_challenge is not None and not is_otp):
        raise ChallengeNotOffered
    password = None if is_otp else request.challenge_password
    values = [value for value in (request.identity_linking, password) if value is not None]
    if is_required and not values:
        raise BindingRequired
    for value in values:
        _verify(value, peer.channel_binding)
    return bool(values)


def is_spent(request: Request) -> bool:
    """Whether a request holds what its connection exports, which is for one request only (RFC 9266, 4.1).

    tls-unique has no such rule.
    """
    if request.peer.tls_exporter is None or not request.body:
        return False
    try:
        octets = lenient_base64(request.body)
    except BadRequest:
        return False
    # In whatever structure of whatever operation, and as whatever kind of string is read (a BMPString has two octets a
    # character): nobody writes it there by chance.
    proof = base64.b64encode(request.peer.tls_exporter).decode()
    return any(proof.encode(codec) in octets for codec in ("ascii", "utf-16-be"))


def _verify(value: str, binding: bytes | None) -> None:
    if binding is None:
        raise BindingUnavailable
    # Full length and constant time: libest takes any longer value that starts right.
    if not hmac.compare_digest(value.encode(), base64.b64encode(binding)):
        raise BindingMismatch
