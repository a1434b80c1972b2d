"""Refusals that exist only because of CMC (RFC 5272), as leaves of the one tree.

::

    Malformed
    ├── UnreadableRequest             not a PKIData, or one that contradicts itself
    ├── UnknownControls               carries `body_parts`: controls that are not served
    ├── RequestsNotServed             carries `body_parts`: requests of a kind that is not served
    ├── NotProcessed                  another part of the same request is at fault
    └── ClocksDiffer                  it was signed at another time than now
    Unproven
    ├── IdentityUnproven              neither a certificate's signature nor a shared secret says who asks
    ├── PossessionUnproven            the key that is to be certified has not signed
    ├── PossessionRefuted             it has not signed for the connection, or the secret, that the request names
    └── PossessionNotDelegated        carries `body_parts`: somebody else says that it was proved
    Refused
    └── Replayed                      a nonce, or a request without one, that came before

Which CMCFailInfo each becomes is said in `failures.TABLE`.
"""

from __future__ import annotations

from ca_core.errors import Malformed, Refused, Unproven


class UnreadableRequest(Malformed):
    """What should be a full PKI request is none (RFC 5272, 3.2)."""


class UnknownControls(Malformed):
    """Controls that nobody here knows, or serves: the whole request fails (RFC 5272, 3.2.1.1).

    Args:
        body_parts: the number of each.
    """

    def __init__(self, text: str, *, body_parts: tuple[int, ...]) -> None:
        super().__init__(text)
        self.body_parts = body_parts


class RequestsNotServed(Malformed):
    """Certification requests of a kind that is not served; no others beside them are looked at (RFC 5272, 3.2.1).

    Args:
        body_parts: the number of each.
    """

    def __init__(self, text: str, *, body_parts: tuple[int, ...]) -> None:
        super().__init__(text)
        self.body_parts = body_parts


class NotProcessed(Malformed):
    """Nothing is wrong with this part; another one in the same request stands in its way."""

    def __init__(self) -> None:
        super().__init__("nothing was done about this part, for another part of the request is at fault; send it alone")


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


class PossessionNotDelegated(Unproven):
    """An RA says that it has seen the proof of possession; that is taken from nobody here (RFC 5272, 6.8).

    Args:
        body_parts: the number of each control that says it.
    """

    def __init__(self, *, body_parts: tuple[int, ...]) -> None:
        super().__init__("each certification request must prove by itself that its sender has the key")
        self.body_parts = body_parts


class PossessionRefuted(Unproven):
    """What binds a certification request to its connection or to the shared secret is missing, or is not so: popFailed.

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
