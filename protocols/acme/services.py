"""What ACME needs of the house, in one place, for the composition root to fill in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ca_core.clock import Clock
from ca_core.enrollment import Enrollment
from ca_core.registration.sign_in import SignIn
from ca_core.revocation.desk import RevocationDesk
from ca_core.store.database import Database
from protocols.acme.agreements import Agreements
from protocols.acme.challenges import STANDARD
from protocols.acme.limits import Limits
from protocols.acme.links import Links
from protocols.acme.permission import Permission
from protocols.acme.spending import Spending


@dataclass(frozen=True)
class AcmeOptions:
    """What an operator may choose.

    Attributes:
        open_account: the site account of the registration that accounts without a binding fall under; None
            demands a binding.
        website: shown in the directory.
        caa_identities: by which names CAA records mean this CA (RFC 8659, 4.2); shown in the directory.
        challenges: the types of challenges that are offered.
        profiles: what the directory says may be ordered by name, each with a sentence about it.
    """

    open_account: str | None = None
    website: str | None = None
    caa_identities: tuple[str, ...] = ()
    challenges: tuple[str, ...] = STANDARD
    profiles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AcmeServices:
    """The core's services and what belongs to this process.

    Attributes:
        chains_pem: tells the certificate of a CA, by its name, and those above it, without the root, in PEM: the
            chain that clients are sent, and then its alternates.
        permission: asks the DNS whether it permits a certificate; None where nobody does (RFC 8659).
        wake: called when a challenge waits for the validator.
    """

    database: Database
    clock: Clock
    sign_in: SignIn
    enrollment: Enrollment
    revocations: RevocationDesk
    nonces: Spending
    limits: Limits
    links: Links
    agreements: Agreements
    options: AcmeOptions
    chains_pem: Callable[[str], Sequence[bytes]]
    permission: Permission | None
    wake: Callable[[], None]
