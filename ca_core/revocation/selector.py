"""Which certificates a bulk revocation means."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ca_core.clock import rfc3339
from ca_core.names import Identifier


class _Named(Protocol):
    @property
    def serial(self) -> str: ...
    @property
    def names(self) -> str: ...


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that a certificate meets all of; those that are None are no conditions.

    Attributes:
        account: the site account, for people.
        registration_id: the registration behind the account.
        issuer: the issuing CA's name.
        name: one that the certificate holds, alone or among others.
        issued_since, issued_until: UTC seconds, both inclusive.
        spki_sha256: digest of the public key.
        serials: 40 hex digits each; empty is no condition.
    """

    account: str | None = None
    registration_id: str | None = None
    profile: str | None = None
    issuer: str | None = None
    name: Identifier | None = None
    issued_since: int | None = None
    issued_until: int | None = None
    spki_sha256: bytes | None = None
    serials: frozenset[str] = frozenset()

    @property
    def is_narrow(self) -> bool:
        """Whether there is a condition at all: nobody revokes everything by leaving all of them out."""
        return self != Selector()

    @property
    def is_for_servers(self) -> bool:
        """Whether it may mean the server's own certificates: only by name, never along with the subscribers'."""
        return self.profile is not None or bool(self.serials)

    def matches(self, certificate: _Named) -> bool:
        """The conditions on names and serials; the store judges the others."""
        if self.serials and certificate.serial not in self.serials:
            return False
        return self.name is None or str(self.name) in certificate.names.splitlines()

    def __str__(self) -> str:
        shown = {
            "account": self.account,
            "profile": self.profile,
            "issuer": self.issuer,
            "name": self.name,
            "issued since": None if self.issued_since is None else rfc3339(self.issued_since),
            "issued until": None if self.issued_until is None else rfc3339(self.issued_until),
            "key": None if self.spki_sha256 is None else self.spki_sha256.hex(),
            "serials": len(self.serials) or None,
        }
        return ", ".join(f"{label} {value}" for label, value in shown.items() if value is not None)
