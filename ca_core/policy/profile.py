"""Profiles: what a certificate may look like; those that are built in."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ca_core.applicant import Door
from ca_core.names import Kind
from ca_core.policy.keys import KeyType

SECONDS_PER_DAY = 86_400


class Usage(StrEnum):
    """The key usages that profiles grant (RFC 5280, 4.2.1.3)."""

    DIGITAL_SIGNATURE = "digitalSignature"
    CONTENT_COMMITMENT = "contentCommitment"
    KEY_ENCIPHERMENT = "keyEncipherment"
    KEY_AGREEMENT = "keyAgreement"


class ExtendedUsage(StrEnum):
    """The extended key usages that profiles grant (RFC 5280, 4.2.1.12)."""

    SERVER_AUTH = "serverAuth"
    CLIENT_AUTH = "clientAuth"
    EMAIL_PROTECTION = "emailProtection"
    CODE_SIGNING = "codeSigning"
    DOCUMENT_SIGNING = "documentSigning"
    IPSEC_IKE = "ipsecIKE"
    OCSP_SIGNING = "OCSPSigning"
    CMC_CA = "cmcCA"
    CMC_RA = "cmcRA"


class RevocationRule(StrEnum):
    """What becomes of a request to revoke that does not prove possession of the key (RULES, S11)."""

    IMMEDIATE = "immediate"
    REVIEWED = "reviewed"
    REVIEWED_ON_HOLD = "reviewed-on-hold"


class ApprovalRule(StrEnum):
    """Which requests for a certificate an officer looks at first."""

    AUTOMATIC = "automatic"
    """None: what the registration grants is issued."""
    FIRST = "first"
    """The first one of a registration for a set of names; what replaces a certificate is issued."""
    ALWAYS = "always"


class KeyMaking(StrEnum):
    """Whether the server makes keys for certificates of a profile (RFC 7030, 4.4), and how they travel."""

    NEVER = "never"
    ENCRYPTED = "encrypted"
    """Enveloped for a key of the subscriber's, within TLS."""
    CLEAR = "clear"
    """Protected by TLS alone, unless the request names a key to envelop for."""


class KeyPurpose(StrEnum):
    """What a key is for; a key that serves one purpose never serves another (DESIGN, invariant 9)."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    AUTHENTICATION = "authentication"


class Profile(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What a certificate of one kind may look like.

    Attributes:
        validity_seconds: from notBefore to notAfter.
        rsa_usage, ec_usage: keyUsage by the kind of key; Ed25519 and ML-DSA have what an EC key has, less keyAgreement.
        name_kinds: the kinds of names that may be in the subjectAltName.
        names_required: whether there must be one.
        doors: who may ask for it.
        same_key_renewal: whether a renewal may keep the key.
        issuer: the line of issuing CAs that signs it, such as `issuing`.
        renewal_window_days: how many days before its end a certificate may be replaced; None means the setting
            `renewal.window_days`.
        renewal_grace_days: for how many days after its end a certificate may still be replaced through EST, by who
            shows it; 0 means that an expired one renews nothing (RULES, S10).
        key_types: the keys that are certified, such as `ec-p256` or `rsa-2048`; empty means all that are certified
            here and have a usage.
        subject: the attributes of the registered subject that are in the certificate, by keyword such as `CN`, in
            the order in which they are registered; None means all.
        policies: object identifiers in dotted form (RFC 5280, 4.2.1.4), in the order in which they are written.
        cps_url: the certification practice statement, with each policy (RULES, S15); empty means none.
        ca_issuers, ocsp, crl: which pointers are in the certificate (RFC 5280, 4.2.2.1 and 4.2.1.13).
        must_staple: a TLS server must send an OCSP answer along (RFC 7633).
        no_rev_avail: nobody is told of a revocation, for the certificate ends sooner (RFC 9608).
        approval: which requests wait for an officer.
        revocation: what becomes of a request to revoke.
        server_keygen: whether the server makes the key where it is asked to.
        hold: whether a certificate may be on hold (RULES: never where the public relies on it).
    """

    name: str
    validity_seconds: int
    rsa_usage: frozenset[Usage]
    ec_usage: frozenset[Usage]
    extended_key_usage: frozenset[ExtendedUsage]
    name_kinds: frozenset[Kind]
    names_required: bool
    doors: frozenset[Door]
    key_purpose: KeyPurpose
    same_key_renewal: bool = True
    issuer: str = "issuing"
    renewal_window_days: int | None = None
    renewal_grace_days: int = 0
    key_types: frozenset[str] = frozenset()
    subject: tuple[str, ...] | None = None
    policies: tuple[str, ...] = ()
    cps_url: str = ""
    ca_issuers: bool = True
    ocsp: bool = True
    crl: bool = True
    must_staple: bool = False
    no_rev_avail: bool = False
    approval: ApprovalRule = ApprovalRule.AUTOMATIC
    revocation: RevocationRule = RevocationRule.IMMEDIATE
    server_keygen: KeyMaking = KeyMaking.NEVER
    hold: bool = False

    @property
    def is_grantable(self) -> bool:
        """Whether a subscriber's registration may hold it; the server's own and the officers' are nobody else's."""
        return not self.doors & {Door.SERVER, Door.CLI}

    @property
    def answers_ocsp(self) -> bool:
        """Whether it is for keys that sign OCSP answers; nobody asks for their status (RFC 6960, 4.2.2.2.1)."""
        return ExtendedUsage.OCSP_SIGNING in self.extended_key_usage

    def window_days(self, default: int) -> int:
        """How many days before its end a certificate of this profile may be replaced.

        Args:
            default: the setting `renewal.window_days`.
        """
        return default if self.renewal_window_days is None else self.renewal_window_days

    @property
    def renewal_grace_seconds(self) -> int:
        """For how long after its end a certificate may still be replaced by who shows it."""
        return self.renewal_grace_days * SECONDS_PER_DAY

    def usages_for(self, key_type: KeyType) -> frozenset[Usage]:
        """The key usages of a certificate for such a key; empty where such a key cannot serve the profile."""
        if key_type == "rsa":
            return self.rsa_usage
        if key_type == "ec":
            return self.ec_usage
        # RFC 8410, 5 and RFC 9881, 5: Ed25519 and ML-DSA sign and do nothing else.
        return self.ec_usage - {Usage.KEY_AGREEMENT}


_SIGN = frozenset({Usage.DIGITAL_SIGNATURE})
_SIGN_AND_ENCIPHER = frozenset({Usage.DIGITAL_SIGNATURE, Usage.KEY_ENCIPHERMENT})
_COMMIT = frozenset({Usage.DIGITAL_SIGNATURE, Usage.CONTENT_COMMITMENT})

TLS_SERVER = Profile(
    name="tls-server",
    validity_seconds=90 * SECONDS_PER_DAY,
    rsa_usage=_SIGN_AND_ENCIPHER,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.SERVER_AUTH}),
    name_kinds=frozenset({Kind.DNS, Kind.IP}),
    names_required=True,
    doors=frozenset({Door.ACME, Door.EST, Door.PORTAL}),
    key_purpose=KeyPurpose.AUTHENTICATION,
)
DEVICE = Profile(
    name="device",
    validity_seconds=90 * SECONDS_PER_DAY,
    rsa_usage=_SIGN_AND_ENCIPHER,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.CLIENT_AUTH}),
    name_kinds=frozenset({Kind.DNS, Kind.IP, Kind.URI, Kind.PERMANENT}),
    names_required=False,
    doors=frozenset({Door.ACME, Door.EST}),
    key_purpose=KeyPurpose.AUTHENTICATION,
    hold=True,
)
SIGNING = Profile(
    name="signing",
    validity_seconds=365 * SECONDS_PER_DAY,
    rsa_usage=_COMMIT,
    ec_usage=_COMMIT,
    extended_key_usage=frozenset({ExtendedUsage.CLIENT_AUTH, ExtendedUsage.EMAIL_PROTECTION}),
    name_kinds=frozenset({Kind.EMAIL}),
    names_required=False,
    doors=frozenset({Door.EST, Door.PORTAL}),
    key_purpose=KeyPurpose.SIGNING,
    hold=True,
)
ENCRYPTION = Profile(
    name="encryption",
    validity_seconds=365 * SECONDS_PER_DAY,
    rsa_usage=frozenset({Usage.KEY_ENCIPHERMENT}),
    ec_usage=frozenset({Usage.KEY_AGREEMENT}),
    extended_key_usage=frozenset({ExtendedUsage.EMAIL_PROTECTION}),
    name_kinds=frozenset({Kind.EMAIL}),
    names_required=False,
    doors=frozenset({Door.EST, Door.PORTAL}),
    key_purpose=KeyPurpose.ENCRYPTION,
    server_keygen=KeyMaking.ENCRYPTED,
    hold=True,
)
OWN_TLS = Profile(
    name="own-tls",
    validity_seconds=397 * SECONDS_PER_DAY,
    rsa_usage=_SIGN_AND_ENCIPHER,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.SERVER_AUTH}),
    name_kinds=frozenset({Kind.DNS, Kind.IP}),
    names_required=True,
    doors=frozenset({Door.SERVER}),
    key_purpose=KeyPurpose.AUTHENTICATION,
)
OCSP_RESPONDER = Profile(
    name="ocsp-responder",
    validity_seconds=7 * SECONDS_PER_DAY,
    rsa_usage=_SIGN,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.OCSP_SIGNING}),
    name_kinds=frozenset(),
    names_required=False,
    doors=frozenset({Door.SERVER}),
    key_purpose=KeyPurpose.AUTHENTICATION,
    same_key_renewal=False,
    # It travels with every answer, and whoever reads the answer has the CA's certificate.
    ca_issuers=False,
    ocsp=False,
    crl=False,
)
MESSAGE_SIGNER = Profile(
    name="message-signer",
    validity_seconds=30 * SECONDS_PER_DAY,
    rsa_usage=_SIGN,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.CMC_CA}),
    name_kinds=frozenset(),
    names_required=False,
    doors=frozenset({Door.SERVER}),
    key_purpose=KeyPurpose.AUTHENTICATION,
    same_key_renewal=False,
)
OFFICER = Profile(
    name="officer",
    validity_seconds=365 * SECONDS_PER_DAY,
    rsa_usage=_SIGN,
    ec_usage=_SIGN,
    extended_key_usage=frozenset({ExtendedUsage.CLIENT_AUTH}),
    name_kinds=frozenset(),
    names_required=False,
    # Not EST: whoever got hold of an officer's key must not be able to go on with it for ever.
    doors=frozenset({Door.CLI}),
    key_purpose=KeyPurpose.AUTHENTICATION,
    same_key_renewal=False,
)
_OF_SUBSCRIBERS = (TLS_SERVER, DEVICE, SIGNING, ENCRYPTION)
_OF_THE_SERVER = (OWN_TLS, OCSP_RESPONDER, MESSAGE_SIGNER)
BUILT_IN = {profile.name: profile for profile in (*_OF_SUBSCRIBERS, OFFICER, *_OF_THE_SERVER)}
