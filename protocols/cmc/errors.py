"""Refusals that exist only because of CMC (RFC 5272), as leaves of the one tree.

::

    Malformed
    ├── UnreadableRequest             not a PKIData, or one that contradicts itself
    ├── UnsupportedPart               carries `body_part`: a control or kind of request that is not served
    └── ClocksDiffer                  it was signed at another time than now
    Unproven
    ├── IdentityUnproven              neither a certificate's signature nor a shared secret says who asks
    ├── PossessionUnproven            the key that is to be certified has not signed
    └── PossessionRefuted             it has not signed for the connection on which the request came
    Refused
    └── Replayed                      a nonce, or a request without one, that came before

Which CMCFailInfo each becomes is said in `failures.TABLE`.
"""

from __future__ import annotations

from ca_core.errors import Malformed, Refused, Unproven


class UnreadableRequest(Malformed):
    """What should be a full PKI request is none (RFC 5272, 3.2)."""


class UnsupportedPart(Malformed):
    """A control, or a kind of request, that is not served here (RFC 5272, 6.1.1).

    Args:
        body_part: its bodyPartID; 0 means the whole request.
    """

    def __init__(self, text: str, *, body_part: int) -> None:
        super().__init__(text)
        self.body_part = body_part


class ClocksDiffer(Malformed):
    """The signing time is too far from now (RFC 5272, 6.1.4: badTime)."""

    def __init__(self) -> None:
        super().__init__(
            "the request says that it was signed at another time than now; set the clock and sign anew,"
            " or leave the signing time out"
        )


class IdentityUnproven(Unproven):
    """Nothing in the request says who asks, or two things do (RFC 5272, 6.2)."""


class PossessionUnproven(Unproven):
    """The private key of what is to be certified must sign the request (RFC 5272, 6.3)."""

    def __init__(self) -> None:
        super().__init__(
            "a request by shared secret must hold one certification request, and be signed by the key of that one"
        )


class PossessionRefuted(Unproven):
    """What a certification request says of its connection is missing, or is not so (RFC 7030, 3.5: popFailed).

    Args:
        text: what is wrong with it, as the protocol that carries the message says it.
    """


class Replayed(Refused):
    """The same sender has used this senderNonce before, or sent this request without one (RFC 5272, 6.6)."""

    def __init__(self, *, has_nonce: bool = True) -> None:
        if has_nonce:
            super().__init__("this senderNonce was used before; sign anew with another one")
        else:
            super().__init__(
                "the same request came before, and nothing in it says that it is a new one; add a senderNonce or a"
                " signing time"
            )
