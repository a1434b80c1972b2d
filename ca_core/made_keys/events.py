"""What the journal holds of keys that the server makes; never of the keys themselves."""

from __future__ import annotations

from ca_core.audit.event import Event


class KeyMade(Event, frozen=True, tag="key-made"):
    """The server made the private key that a certificate is about, and keeps nothing of it (RFC 7030, 4.4).

    Attributes:
        key_type: such as `rsa-3072`.
    """

    key_type: str


class DecryptionKeyMade(Event, frozen=True, tag="decryption-key-made"):
    """A registration got a symmetric key under which keys that the server makes travel to it; an earlier one is void.

    Attributes:
        key_id: how requests call it.
    """

    key_id: str
