"""Refusals of signed and enveloped messages (RFC 5652), as leaves of the one tree.

::

    Malformed
    ├── UnreadableMessage             not DER of what it should be, or more than it may be
    ├── UnknownAlgorithm              a digest, signature or cipher off the list
    ├── WrongSignature                it is not the signature of this content by this key
    ├── NotDecrypted                  it is enveloped, and for nobody here
    └── NotAuthenticated              a MAC protects it, under a key that is not kept here
"""

from __future__ import annotations

from ca_core.errors import Malformed


class UnreadableMessage(Malformed):
    """What should be a cryptographic message is none that is read here."""


class UnknownAlgorithm(Malformed):
    """A message uses, or asks for, an algorithm that is not accepted here."""


class WrongSignature(Malformed):
    """A signature is not this key's, or not of this content."""

    def __init__(self) -> None:
        super().__init__("the signature of the message does not fit its content and signer; sign anew")


class NotDecrypted(Malformed):
    """A message is enveloped, and no key here opens it."""

    def __init__(self) -> None:
        super().__init__("the message is encrypted, and not for a key of this server; TLS hides it, send it as it is")


class NotAuthenticated(Malformed):
    """A message is protected by a MAC under a key that is derived from a password."""

    def __init__(self) -> None:
        super().__init__("messages under a password's MAC are not served; sign it, and prove the code inside")
