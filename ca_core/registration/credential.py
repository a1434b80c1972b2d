"""Credentials: the secrets of a sheet, how they are made, and how they are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from enum import StrEnum

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ca_core import networks as networks_module
from ca_core.errors import (
    CredentialExpired,
    CredentialRevoked,
    CredentialSpent,
    Misconfigured,
    NetworkNotAllowed,
    NotActivated,
    ProfileNotGranted,
)
from ca_core.registration.limits import Limits
from ca_core.registration.proof_keys import ProofKeys, unpacked
from ca_core.secret import Secret

# 32 symbols, 5 bits each; without 0, O, 1 and I, which people misread.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PASSWORD_SYMBOLS = 12
_CODE_GROUPS = 6
_GROUP_SYMBOLS = 4
_KID_SYMBOLS = 20
_MAC_KEY_OCTETS = 32
_NONCE_OCTETS = 12
MASTER_KEY_OCTETS = 32


class CredentialKind(StrEnum):
    """What a credential opens."""

    PASSWORD = "initial-password"  # a kind's name, not a secret
    CHOSEN_PASSWORD = "password"  # as above
    ENROLLMENT_CODE = "enrollment-code"
    EAB_KEY = "eab-key"


class Credential(msgspec.Struct, frozen=True):
    """One secret of a sheet as it is stored.

    Attributes:
        sheet: the number of the sheet it was handed over on.
        kid: the key identifier of an EAB key; else None.
        secret: keyed hash; for an EAB key the sealed MAC key, for a chosen password its slow hash (`password.py`).
        proof_key: of an enrollment code, its sealed `ProofKeys`; None where the sheet is older than CMC here.
        uses_left: None is unlimited.
        expires_at, voided_at: UTC seconds.
        networks: from where it may be used, as CIDRs; empty: from everywhere.
        profiles: what it, and whatever goes back to it, may have; empty: whatever the registration holds.
        line: of an EAB key, the id of the one that it was rotated from first, or its own.
        successor: of an EAB key, the key identifier that it was rotated to.
        dormant: whether it opens nothing until its sheet is activated.
        revoked_at: UTC seconds; since when neither it nor what goes back to it have any power: the accounts that an
            EAB key bound, and of an enrollment code the renewal of what it brought.
        names: for which of the registered ones it is good, as `limits.checked` writes them; empty: for all.
        note: what its holder calls it.
    """

    id: str
    registration_id: str
    sheet: int
    kind: CredentialKind
    kid: str | None
    secret: bytes
    uses_left: int | None
    expires_at: int
    voided_at: int | None = None
    networks: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    line: str = ""
    successor: str | None = None
    revoked_at: int | None = None
    proof_key: bytes | None = None
    dormant: bool = False
    names: tuple[str, ...] = ()
    note: str = ""

    @property
    def limits(self) -> Limits:
        """What it, and whatever goes back to it, may have certificates for."""
        return Limits(self.label, self.profiles, self.names)

    def is_live(self, now: int) -> bool:
        """Whether it can be used, at once or when its sheet is activated."""
        is_over = self.voided_at is not None or self.revoked_at is not None
        return not is_over and self.uses_left != 0 and now <= self.expires_at

    def require_usable(self, now: int) -> None:
        """Let only a credential pass that has a use left; to be asked after its secret proved right.

        Raises:
            CredentialRevoked, CredentialSpent, CredentialExpired: it has not.
            NotActivated: its sheet waits for that.
        """
        if self.dormant:
            raise NotActivated
        self.require_unrevoked()
        if self.uses_left == 0:
            raise CredentialSpent(
                f"this {self.label} has no uses left; renew with the certificate that it brought, or ask your"
                " registration authority for a new sheet"
            )
        if now > self.expires_at:
            raise CredentialExpired(f"this {self.label} has expired; ask your registration authority for a new sheet")

    def require_unrevoked(self) -> None:
        """Let only pass what was not revoked, used up or not.

        Raises:
            CredentialRevoked: it was.
        """
        if self.revoked_at is not None:
            raise CredentialRevoked(f"this {self.label} is revoked; ask your registration authority for another one")

    def require_network(self, address: str) -> None:
        """Let only those pass who come from where it may be used.

        Args:
            address: textual IP address.

        Raises:
            NetworkNotAllowed: they do not.
        """
        if self.networks and not networks_module.is_within(address, self.networks):
            raise NetworkNotAllowed(
                f"this {self.label} may not be used from {address}; use it from where it was granted for, or ask your"
                " registration authority"
            )

    def require_profile_of(self, granted: Iterable[str]) -> None:
        """Let only a credential pass that is still good for one of the profiles that its registration holds.

        Raises:
            ProfileNotGranted: for none.
        """
        if self.profiles and not set(self.profiles) & set(granted):
            raise ProfileNotGranted(
                f"this {self.label} is for {', '.join(self.profiles)}, which the registration does not hold any more;"
                " ask your registration authority for another one"
            )

    @property
    def label(self) -> str:
        """Its kind in words."""
        return self.kind.replace("-", " ").replace("eab", "EAB")


class SecretKeeper:
    """Hashes and seals secrets under one master key, which lives outside the database (DESIGN, invariant 11).

    Args:
        master_key: 32 random octets.

    Raises:
        Misconfigured: another length.
    """

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != MASTER_KEY_OCTETS:
            raise Misconfigured(f"the credential key must be {MASTER_KEY_OCTETS} octets; restore it from your backup")
        self._hash_key = _derived(master_key, b"soapstone credential hash")
        self._link_key = _derived(master_key, b"soapstone link")
        self._seed_key = _derived(master_key, b"soapstone seed")
        self.fingerprint = hashlib.sha256(_derived(master_key, b"soapstone fingerprint")).hexdigest()
        """Tells this master key from others, and nothing of it."""
        self._sealing = AESGCM(_derived(master_key, b"soapstone credential seal"))

    def __repr__(self) -> str:
        """Say nothing."""
        return "SecretKeeper(...)"

    def hashed(self, registration_id: str, secret: Secret) -> bytes:
        """The keyed hash of a secret with 60 bits or more, bound to its registration.

        A fast hash is enough: without the key, which is not in the database, there is nothing to guess against.
        """
        message = f"{registration_id}\n{secret.reveal()}".encode()
        return hmac.digest(self._hash_key, message, hashlib.sha256)

    def matches(self, registration_id: str, secret: Secret, stored: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.hashed(registration_id, secret), stored)

    def link_mac(self, message: bytes) -> bytes:
        """A MAC for links that are handed out and come back, so that nothing needs to be stored about them."""
        return hmac.digest(self._link_key, message, hashlib.sha256)

    def key_from(self, seed: bytes) -> bytes:
        """A key that all servers make alike from a seed in their store; the seed alone makes nothing."""
        return hmac.digest(self._seed_key, seed, hashlib.sha256)

    def sealed(self, kid: str, mac_key: bytes) -> bytes:
        """Seal an EAB's MAC key, bound to its key identifier."""
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        return nonce + self._sealing.encrypt(nonce, mac_key, kid.encode())

    def sealed_proof(self, registration_id: str, keys: ProofKeys) -> bytes:
        """Seal a code's keys, bound to its registration."""
        return self.sealed(f"proof {registration_id}", keys.packed)

    def opened_proof(self, registration_id: str, stored: bytes) -> ProofKeys:
        """Open a code's sealed keys.

        Raises:
            Misconfigured: it was sealed under another master key, or altered.
        """
        return unpacked(self.opened(f"proof {registration_id}", stored))

    def opened(self, kid: str, stored: bytes) -> bytes:
        """Open a sealed MAC key.

        Raises:
            Misconfigured: it was sealed under another master key, or altered.
        """
        try:
            return self._sealing.decrypt(stored[:_NONCE_OCTETS], stored[_NONCE_OCTETS:], kid.encode())
        except InvalidTag:
            raise Misconfigured(
                "a sealed secret does not open: the credential key is not the one it was sealed with"
            ) from None


def new_password() -> Secret:
    """An initial password: 12 symbols, 60 bits; it fits the manual's 6 to 16 characters (RULES, S3)."""
    return Secret(_symbols(_PASSWORD_SYMBOLS))


def new_enrollment_code() -> Secret:
    """An enrollment code: 120 bits in groups of four, short enough for every EST client (WIRE, Receiving)."""
    return Secret("-".join(_symbols(_GROUP_SYMBOLS) for _ in range(_CODE_GROUPS)))


def new_kid() -> str:
    """A key identifier that every ACME client takes: letters and digits only, 100 bits."""
    return _symbols(_KID_SYMBOLS)


def new_mac_key() -> bytes:
    """32 random octets whose base64url does not start with `-`, which shells and clients take for an option."""
    while True:
        key = secrets.token_bytes(_MAC_KEY_OCTETS)
        if not mac_key_text(key).startswith("-"):
            return key


def mac_key_text(mac_key: bytes) -> str:
    """Unpadded base64url, as ACME clients take it (RFC 8555, 7.3.4)."""
    return base64.urlsafe_b64encode(mac_key).rstrip(b"=").decode("ascii")


def _symbols(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def _derived(master_key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), length=32, info=purpose).derive(master_key)
