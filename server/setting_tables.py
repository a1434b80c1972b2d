"""The tables of the settings file, as they are written: what an operator may set, less what stands at the top."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from ca_core.store.opening import CONNECTIONS
from protocols.acme.challenges import STANDARD
from protocols.acme.standing import LimitOptions
from protocols.est.labels import Label


class Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where state is kept: `sqlite:FILE`, relative to the home, or `postgresql://USER@HOST/DATABASE`.

    Attributes:
        connections: to PostgreSQL, of one process, at most.
    """

    url: str = "sqlite:soapstone.db"
    connections: int = CONNECTIONS


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What opens the CAs' keys: references, `file:` or `env:`. Which CAs there are, the store knows.

    Attributes:
        passphrase: of keys in files.
        pin: of tokens whose `pkcs11:` URI has no pin-source; empty where none is needed.
    """

    passphrase: str = "file:secrets/passphrase"
    pin: str = ""


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The key that hashes and seals sheets' secrets: a reference to 64 hex digits."""

    key: str = "file:secrets/credential.key"


class Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The journal: a reference to the 64 hex digits of its key, and its newest checkpoint outside the database."""

    key: str = "file:secrets/journal.key"
    checkpoint_file: str = "journal/checkpoint"


class Acme(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """ACME.

    Attributes:
        challenges: the types of challenges that are offered, where they fit the name.
        resolvers: `address:port` of the DNS servers that probes ask; empty means the system's.
        zone_resolvers: the same for a zone and everything below it.
        dnssec: `require` takes only answers that the resolvers call authentic.
        probe_networks: CIDRs that probes may reach although they are loopback, link-local or the like.
        open_account: the account that ACME accounts without an EAB fall under; empty means that EAB is required.
        website: a URL that the directory shows.
        caa: whether the CAA records of challenged names are heeded (RFC 8659).
        caa_identities: the names by which CAA records mean this CA (RFC 8659, 4.2); the directory shows them.
    """

    http_01_port: int = 80
    tls_alpn_01_port: int = 443
    challenges: tuple[str, ...] = STANDARD
    resolvers: tuple[str, ...] = ()
    zone_resolvers: dict[str, tuple[str, ...]] = {}
    dnssec: Literal["off", "require"] = "off"
    probe_networks: tuple[str, ...] = ()
    open_account: str = ""
    website: str = ""
    caa: bool = False
    caa_identities: tuple[str, ...] = ()


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The subscriber agreement: its file, relative to the home, and its version; both empty: there is none."""

    file: str = ""
    version: str = ""


class Est(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """EST.

    Attributes:
        labels: by the name of a profile.
        proxies: addresses or networks whose word is taken for who asks, and with which certificate.
    """

    labels: dict[str, Label] = {}
    renewal_info: bool = False
    proxies: tuple[str, ...] = ()


class Renewal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The renewal window: how many days before its end a certificate may be replaced."""

    window_days: int = 30


class Crl(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long CRLs are good for; each is replaced before half of that is over.

    Attributes:
        shards: over how many CRLs new certificates are spread; 1 means that the full one is the only one.
    """

    issuing_lifetime_hours: int = 48
    root_lifetime_hours: int = 90 * 24
    shards: int = 1


class Ocsp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long OCSP answers are good for; each is made anew when half of that is over."""

    lifetime_hours: int = 24


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Subscribers' keys: the file of those that are certified for nobody, relative to the home; empty: none."""

    blocklist: str = ""


class Limits(LimitOptions, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How much one may do before others would have to wait; who pays is said in `protocols.acme.limits`.

    Attributes:
        connections: of each listener.
        connections_per_address: of each listener, from one IPv4 address or IPv6 /64.
        arrival_seconds: how long a TLS handshake, a request's head and its body may each take to arrive.
    """

    connections: int = 2_000
    connections_per_address: int = 500
    arrival_seconds: int = 30


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The mail server that takes notices; without a host, none are sent.

    Attributes:
        security: `starttls`, `tls` from the first octet, or `none`, which is for this machine alone.
        password: a reference, `file:` or `env:`.
        sender: the address that notices come from.
        per_minute: how many are handed over in a minute at most.
        trust_anchors: file of the CAs that the mail server's certificate is from; empty: the system's.
    """

    host: str = ""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: str = ""
    per_minute: int = 60
    trust_anchors: str = ""


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a partner's system is told what happens.

    Attributes:
        secret: a reference to `whsec_` and 24 to 64 random octets in base64.
        events: what it is told of.
        realm: whose registrations' events; empty: everybody's.
        networks: CIDRs that may be called although they are loopback, link-local or the like.
        trust_anchors: file of the CAs that its certificate is from; empty: the system's.
    """

    url: str
    secret: str
    events: tuple[str, ...]
    realm: str = ""
    networks: tuple[str, ...] = ()
    trust_anchors: str = ""


class Passwords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Passwords that subscribers choose.

    Attributes:
        blocklist: file of passwords that nobody may choose, one on each line, relative to the home; empty: none.
        memory_kib, passes: what one hash by argon2id costs.
    """

    blocklist: str = ""
    memory_kib: int = 19_456
    passes: int = 2


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long somebody stays signed in: without doing anything, and in all."""

    idle_minutes: int = 15
    longest_hours: int = 8


class GateKind(StrEnum):
    """What the portal asks before it looks at a password."""

    PROOF_OF_WORK = "proof-of-work"
    """Half a second of the browser's; whoever runs no script reads a picture."""
    PICTURE = "picture"
    """Digits that are read or heard."""
    OFF = "off"
    """Nothing; in a development home only."""


class Calendar(StrEnum):
    """How the portal counts years in Chinese; in English it is the Gregorian calendar in any case."""

    GREGORIAN = "gregorian"
    ROC = "roc"
    """That of the Republic of China: the first year is 1912."""


class Portal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The subscribers' pages."""

    gate: GateKind = GateKind.PROOF_OF_WORK
    calendar: Calendar = Calendar.GREGORIAN


class SecondFactor(StrEnum):
    """Of whom the desk asks a passkey beside the certificate."""

    OPTIONAL = "optional"
    """Of officers who have registered one."""
    REQUIRED = "required"
    """Of every officer."""


class Officers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How officers prove themselves, beside their certificates."""

    passkey: SecondFactor = SecondFactor.OPTIONAL


class Chaos(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Trouble on purpose, for the authors of ACME clients; in a development home only.

    Attributes:
        nonces_refused_percent: how many good nonces are refused.
        shuffle: whether lists in answers come in any order.
        slow_seconds: how long at most a probe begins late, and a finished order is shown as processing.
        seed: the same one brings the same trouble; empty: another one at each start.
    """

    nonces_refused_percent: int = 0
    shuffle: bool = False
    slow_seconds: int = 0
    seed: str = ""
