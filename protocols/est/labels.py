"""EST labels: what the operator sets for the clients of one profile (RFC 7030, 3.2.2).

A label bears its profile's name. What is set for it holds however its profile is reached: with the label in the path,
and without one where it is the registration's default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

import msgspec
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from ca_core.names import Identifier, Kind
from protocols.est.errors import UnknownLabel

OPERATIONS = frozenset(
    {
        *("cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"),
        *("crls", "eecerts", "renewal-info"),
    }
)
"""What no label may be called (RFC 7030, 3.2.2), those among them that are not served."""
CMC_RA = ObjectIdentifier("1.3.6.1.5.5.7.3.28")


class Wire(StrEnum):
    """How base64 is laid out for the clients of one label.

    `AUTO` looks at the request; `RFC` has lines of 64 columns, which libest needs; `SINGLE_LINE` has none,
    which strongSwan 5.9.8 needs.
    """

    AUTO = "auto"
    RFC = "rfc"
    SINGLE_LINE = "single-line"

    def is_single_line_for(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer to a request with these headers goes out in one line."""
        if self is Wire.AUTO:
            # strongSwan is the one client that sends neither.
            return "user-agent" not in headers and "accept" not in headers
        return self is Wire.SINGLE_LINE


class CsrAttributes(StrEnum):
    """What `/csrattrs` is worth.

    `ADVISED` tells clients what to ask for, and lets a request pass that does not; `ENFORCED` refuses it. What kinds
    of keys a profile certifies is enforced either way.
    """

    ADVISED = "advised"
    ENFORCED = "enforced"


class ChallengePassword(StrEnum):
    """What a challengePassword is on a label.

    `POP` is proof of possession, bound to the connection (RFC 7030, 3.5), of who offers it; `POP_REQUIRED` lets nobody
    pass without. `OTP` is `ACCOUNT:CODE` of a sheet, for clients that cannot send Basic.
    """

    POP = "pop"
    POP_REQUIRED = "pop-required"
    OTP = "otp"


class ClientCertificate(StrEnum):
    """Whether a client certificate must be shown, beside a code or instead of it."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class RaCertificate(StrEnum):
    """With which certificate a listed client may ask for others; cmcRA is an extended key usage (RFC 6402, 2.10)."""

    ANY = "any"
    CMC_RA = "cmcRA"


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is set for one label.

    Attributes:
        wire: how base64 is laid out.
        csrattrs: what `/csrattrs` is worth.
        challenge_password: what a challengePassword is.
        client_certificate: whether one must be shown.
        trust_anchors: the file, relative to the home, of the manufacturers' CAs whose devices may enroll; empty: none.
        ra_clients: by the account of a client that may ask for others: their accounts, and zones with a leading dot
            below which all names of a request must lie.
        peers: by account: the accounts whose certificates it is to know, because it will meet them.
        ra_certificate: with which of its certificates such a client may.
    """

    wire: Wire = Wire.AUTO
    csrattrs: CsrAttributes = CsrAttributes.ADVISED
    challenge_password: ChallengePassword = ChallengePassword.POP
    client_certificate: ClientCertificate = ClientCertificate.OPTIONAL
    trust_anchors: str = ""
    ra_clients: dict[str, tuple[str, ...]] = {}
    peers: dict[str, tuple[str, ...]] = {}
    ra_certificate: RaCertificate = RaCertificate.ANY

    @property
    def takes_codes(self) -> bool:
        """Whether a challengePassword is a code."""
        return self.challenge_password is ChallengePassword.OTP

    @property
    def demands_binding(self) -> bool:
        """Whether every request must be bound to its connection."""
        return self.challenge_password is ChallengePassword.POP_REQUIRED

    def lets_ask_with(self, certificate_der: bytes) -> bool:
        """Whether a certificate is one with which a client may ask for others, if it is listed.

        Args:
            certificate_der: one of ours.
        """
        return self.ra_certificate is RaCertificate.ANY or _is_for_ra(certificate_der)

    def lets_ask(self, client: str, account: str, names: Collection[Identifier]) -> bool:
        """Whether one account may ask for the certificate of another.

        Args:
            client, account: who asks, and who is meant.
            names: what the request asks for.
        """
        allowed = self.ra_clients.get(client, ())
        zones = [one for one in allowed if one.startswith(".")]
        return account in allowed or (
            bool(names) and all(any(_is_below(name, zone) for zone in zones) for name in names)
        )


PLAIN = Label()
"""What holds where no label does."""


class Labels:
    """All labels.

    Args:
        labels: by name; each profile that EST offers has one.
    """

    def __init__(self, labels: Mapping[str, Label]) -> None:
        self._labels = labels

    def named(self, name: str | None) -> Label:
        """What is set for the label of a path; None is a path without one.

        Raises:
            UnknownLabel: there is none of this name.
        """
        if name is None:
            return PLAIN
        try:
            return self._labels[name]
        except KeyError:
            raise UnknownLabel from None

    def name_for(self, name: str | None, profiles: Sequence[str]) -> str | None:
        """Which label holds for an applicant: the path's, else that of the first granted profile that EST offers.

        Args:
            name: the path's label; None where it has none.
            profiles: what the applicant's registration holds, its default first.
        """
        return name or next((profile for profile in profiles if profile in self._labels), None)

    def for_applicant(self, name: str | None, profiles: Sequence[str]) -> Label:
        """What is set for the label that holds for an applicant, as `name_for` tells it."""
        return self.named(self.name_for(name, profiles))

    def is_ra(self, account: str) -> bool:
        """Whether an account may ask for others on some label."""
        return any(account in label.ra_clients for label in self._labels.values())


def _is_for_ra(certificate_der: bytes) -> bool:
    certificate = x509.load_der_x509_certificate(certificate_der)
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        # One that was adopted may have none. That lets it do much, and speak for others is not among it.
        return False
    return CMC_RA in usages


def _is_below(name: Identifier, zone: str) -> bool:
    return name.kind is Kind.DNS and name.value.endswith(zone) and not name.is_wildcard
