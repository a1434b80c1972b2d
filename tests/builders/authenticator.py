"""A passkey's device and the browser in front of it, in software (Web Authentication, 6 and 7)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

from tests.builders.portal import ORIGIN

PRESENT, VERIFIED, SYNCABLE, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
_COSE_EC2, _COSE_ES256, _COSE_P256 = 2, -7, 1


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Authenticator:
    """One passkey.

    Args:
        counts: whether it counts its signatures; what is synced between devices does not.
    """

    def __init__(self, *, counts: bool = True, host: str = "ca.example", origin: str = ORIGIN) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(16)
        self.sign_count = 0
        self.flags = PRESENT | VERIFIED | (0 if counts else SYNCABLE | SYNCED)
        self.host = host
        self.origin = origin
        self.format = "none"
        self._counts = counts

    def create(self, options: str) -> bytes:
        """What `navigator.credentials.create()` comes to."""
        client_data = self._client_data("webauthn.create", options)
        numbers = self.key.public_key().public_numbers()
        cose = {
            1: _COSE_EC2,
            3: _COSE_ES256,
            -1: _COSE_P256,
            -2: numbers.x.to_bytes(32, "big"),
            -3: numbers.y.to_bytes(32, "big"),
        }
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + encode_cbor(cose)
        data = self._data(ATTESTED) + attested
        attestation = encode_cbor({"fmt": self.format, "attStmt": {}, "authData": data})
        return self._answer(clientDataJSON=client_data, attestationObject=attestation)

    def get(self, options: str) -> bytes:
        """What `navigator.credentials.get()` comes to."""
        client_data = self._client_data("webauthn.get", options)
        self.sign_count += int(self._counts)
        data = self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._answer(clientDataJSON=client_data, authenticatorData=data, signature=signature)

    def _data(self, more: int) -> bytes:
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([self.flags | more]) + self.sign_count.to_bytes(4, "big")

    def _client_data(self, kind: str, options: str) -> bytes:
        challenge = json.loads(options)["challenge"]
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _answer(self, **response: bytes) -> bytes:
        answer: dict[str, Any] = {
            "id": b64(self.credential_id),
            "rawId": b64(self.credential_id),
            "type": "public-key",
            "response": {name: b64(value) for name, value in response.items()},
            "clientExtensionResults": {},
        }
        return json.dumps(answer).encode()
