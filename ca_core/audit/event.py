"""Journal events: one type for each thing that can happen."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """What the journal holds beside time, actor, registration and serial; never a secret."""


class Registered(Event, frozen=True, tag="registered"):
    """The RA registered a subscriber."""

    account: str
    kind: str
    subject: str
    profiles: tuple[str, ...]
    names: tuple[str, ...]


class SheetIssued(Event, frozen=True, tag="sheet-issued"):
    """A new sheet was made; every earlier secret is void."""

    number: int


class NamesChanged(Event, frozen=True, tag="names-changed"):
    """The registered names were replaced."""

    names: tuple[str, ...]


class StatusChanged(Event, frozen=True, tag="status-changed"):
    """A registration was suspended, resumed or closed."""

    status: str


class RegistrationRenewed(Event, frozen=True, tag="registration-renewed"):
    """The vetting was renewed."""

    expires_at: int


class CredentialRefused(Event, frozen=True, tag="credential-refused"):
    """A secret or a client certificate did not open anything.

    Attributes:
        account: as it was sent, at most 64 characters; empty where a certificate was shown.
        why: `wrong` for a secret that opens nothing; else the refusal, such as `CertificateRevoked` or
            `CredentialSpent`, and the row names the registration or the serial.
    """

    account: str
    door: str
    why: str = "wrong"


class EabKeyAdded(Event, frozen=True, tag="eab-key-added"):
    """A registration got a further EAB key, on the newest sheet.

    Attributes:
        uses: None is unlimited.
        networks, profiles, names: its limits; empty for none.
    """

    kid: str
    sheet: int
    uses: int | None
    expires_at: int
    networks: tuple[str, ...]
    profiles: tuple[str, ...]
    names: tuple[str, ...] = ()


class EabKeyRotated(Event, frozen=True, tag="eab-key-rotated"):
    """An EAB key got a successor with the same limits, and ends itself soon.

    Attributes:
        kid: of the successor.
        replaces: of the one that ends.
        ends_at: when that one ends.
    """

    kid: str
    replaces: str
    ends_at: int
    expires_at: int


class EabKeyRevoked(Event, frozen=True, tag="eab-key-revoked"):
    """An EAB key was revoked; the accounts that it bound have no power any more."""

    kid: str


class EabKeyRestored(Event, frozen=True, tag="eab-key-restored"):
    """The revocation of an EAB key was taken back; the accounts that it bound go on."""

    kid: str


class AgreementPublished(Event, frozen=True, tag="agreement-published"):
    """A version of the subscriber agreement counts for the first time; its text never changes again.

    Attributes:
        sha256: of the text, hex.
    """

    version: str
    sha256: str


class AccountBound(Event, frozen=True, tag="acme-account-bound"):
    """An ACME account came to a registration through an EAB key, or as an open account."""

    account: str
    kid: str | None


class AccountDeactivated(Event, frozen=True, tag="acme-account-deactivated"):
    """An ACME account was deactivated, by itself or by the subscriber whose it is."""

    account: str


class NamesGranted(Event, frozen=True, tag="policy-grant"):
    """Authorizations were created valid because the RA had vetted the names."""

    order: str
    names: tuple[str, ...]


class NameProved(Event, frozen=True, tag="name-proved"):
    """A challenge was met."""

    name: str
    challenge: str


class CertificateIssued(Event, frozen=True, tag="certificate-issued"):
    """A certificate was signed and stored."""

    profile: str
    names: tuple[str, ...]
    not_after: int
    replaces: str | None
    recovered: bool = False


class EnrollmentReferred(Event, frozen=True, tag="enrollment-referred"):
    """A certificate was asked for that an officer must look at.

    Attributes:
        spki_sha256: hex, of the public key.
        replaces: the serial that is to be renewed.
    """

    request: int
    profile: str
    names: tuple[str, ...]
    spki_sha256: str
    replaces: str | None
    due_at: int


class EnrollmentHandedOver(Event, frozen=True, tag="enrollment-handed-over"):
    """A request that waits was made again through another door or with another order, which has it now, and the key."""

    request: int
    spki_sha256: str = ""


class EnrollmentApproved(Event, frozen=True, tag="enrollment-approved"):
    """An officer agreed; the certificate follows, or why there is none."""

    request: int
    note: str = ""


class EnrollmentRejected(Event, frozen=True, tag="enrollment-rejected"):
    """An officer turned a request down; or what was approved could not be issued any more.

    Attributes:
        note: the officer's words, or the refusal.
    """

    request: int
    note: str = ""


class EnrollmentLapsed(Event, frozen=True, tag="enrollment-lapsed"):
    """A request was given up: nobody decided in time, its registration was closed, or whoever asked went away."""

    request: int


class EnrollmentRequestLate(Event, frozen=True, tag="enrollment-request-late"):
    """Half of a request's time is gone, or all of it."""

    request: int
    due_at: int
    is_overdue: bool


class IntentionAbandoned(Event, frozen=True, tag="intention-abandoned"):
    """An intention was given up; its serial is revoked in case it was ever signed."""

    why: str


class CertificateAdopted(Event, frozen=True, tag="certificate-adopted"):
    """A certificate that the store had lost was taken back; an officer said whose it is."""

    profile: str
    names: tuple[str, ...]


class CertificateRevoked(Event, frozen=True, tag="certificate-revoked"):
    """A certificate was revoked, or the reason of its revocation became another one.

    Attributes:
        was: the reason that this one replaces, such as `certificateHold`; None where it was good.
        invalid_since: since when it is not to be trusted, UTC seconds.
        same_key_as: the serial whose compromised key it shares.
        request: the number of the request that was approved.
    """

    reason: str
    was: str | None = None
    invalid_since: int | None = None
    same_key_as: str | None = None
    request: int | None = None
    note: str = ""


class KeyBlocked(Event, frozen=True, tag="key-blocked"):
    """The key of a certificate that had expired already is compromised: nobody gets another one with it.

    Attributes:
        spki_sha256: hex.
        request: the number of the request that was approved.
    """

    spki_sha256: str
    request: int | None = None
    note: str = ""


class CertificateHeld(Event, frozen=True, tag="certificate-held"):
    """A certificate was put on hold, by an officer or because of a request."""

    request: int | None = None
    note: str = ""


class CertificateReleased(Event, frozen=True, tag="certificate-released"):
    """A certificate came back from hold."""

    request: int | None = None
    note: str = ""


class RevocationRequested(Event, frozen=True, tag="revocation-requested"):
    """A revocation was asked for that an officer must look at; or a pending request became more urgent."""

    request: int
    reason: str
    asker: str
    due_at: int


class RevocationRequestClosed(Event, frozen=True, tag="revocation-request-closed"):
    """A request waits no more.

    Attributes:
        outcome: `approved`, `rejected`, `overtaken` by another revocation, or `lapsed` with the certificate.
    """

    request: int
    outcome: str
    note: str = ""


class RevocationRequestLate(Event, frozen=True, tag="revocation-request-late"):
    """Half of a request's time is gone, or all of it."""

    request: int
    due_at: int
    is_overdue: bool


class BulkRevocationRun(Event, frozen=True, tag="bulk-revocation"):
    """One batch of a bulk revocation; each certificate in it has an event of its own.

    Attributes:
        selector: what was selected, in words.
        last_serial: the batch's last one.
    """

    selector: str
    reason: str
    count: int
    last_serial: str
    note: str = ""


class CrlPublished(Event, frozen=True, tag="crl-published"):
    """A CRL was signed and stored. The name is the issuing CA's; shard 0 is the full CRL."""

    name: str
    number: int
    shard: int = 0


class CaMade(Event, frozen=True, tag="ca-made"):
    """A CA came to be, and its key with it; its certificate says the rest."""

    name: str
    line: str
    parent: str
    sha256: str
    signs_from: int


class CaRequested(Event, frozen=True, tag="ca-requested"):
    """A CA's key came to be; another CA is to certify it."""

    name: str
    spki_sha256: str


class CaWithdrawn(Event, frozen=True, tag="ca-withdrawn"):
    """A request that waited for another CA was given up; its key serves nobody any more."""

    name: str


class RootTrusted(Event, frozen=True, tag="root-trusted"):
    """A CA whose key is elsewhere became part of a chain here."""

    name: str
    sha256: str


class RootsCrossed(Event, frozen=True, tag="roots-crossed"):
    """One root certified another root's key, so that who trusts the one can follow the other (RFC 4210, 4.4)."""

    subject: str
    issuer: str
    sha256: str


class AuthorityMade(Event, frozen=True, tag="authority-made"):
    """A home was made: its root and issuing CA came to be."""

    root_sha256: str
    issuing_sha256: str


class ServerStarted(Event, frozen=True, tag="server-started"):
    """A process began to serve the home.

    Attributes:
        settings_sha256: of the settings file, so that a change of settings shows.
    """

    version: str
    settings_sha256: str


class ServerStopped(Event, frozen=True, tag="server-stopped"):
    """A process stopped serving, as it was asked to."""


class BackupMade(Event, frozen=True, tag="backup-made"):
    """Everything that this server is was copied into a file, keys and their passphrase included."""

    file: str


class HomeRestored(Event, frozen=True, tag="home-restored"):
    """A home was made from a backup."""

    file: str


class RestoreAcknowledged(Event, frozen=True, tag="restore-acknowledged"):
    """An operator accepted that rows of the journal are lost: an older database was restored.

    Attributes:
        position: where the journal ended when it was acknowledged.
        known_position: the last position that the checkpoint outside the database knew; None when it was lost too.
        found: what was seen, in words.
    """

    position: int
    known_position: int | None
    found: str
