"""What a request wants its key to be for, against what its certificate would say (RFC 5272, 3.1).

A requested extension may be left out, or be less than was asked for. It must not become its contrary: who asks for
keyAgreement alone is not served with digitalSignature.
"""

from __future__ import annotations

from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from ca_core import der
from ca_core.errors import BadCsr, ExtensionNotServed
from ca_core.issuance import plan
from ca_core.policy.keys import key_type
from ca_core.policy.profile import Profile
from ca_core.policy.request import CertificationRequest

_USAGE_OCTETS = 2


def require(profile: Profile, request: CertificationRequest) -> None:
    """Let only a request pass of which something remains where it says what the key is for.

    Raises:
        ExtensionNotServed: of its keyUsage, or its extendedKeyUsage, the profile grants nothing.
        BadCsr: an extendedKeyUsage that cannot be read.
    """
    granted = profile.usages_for(key_type(request.public_key))
    usage = request.extensions.get(ExtensionOID.KEY_USAGE.dotted_string)
    if usage is not None and granted:
        asked = _bits(usage)
        if asked and not asked & _bits(plan.key_usage(granted).extn_value):
            raise ExtensionNotServed(_sentence("keyUsage", profile))
    purposes = request.extensions.get(ExtensionOID.EXTENDED_KEY_USAGE.dotted_string)
    if purposes is not None:
        wanted = _purposes(purposes)
        offered = _purposes(plan.extended_key_usage(profile).extn_value)
        if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in wanted and not wanted & offered:
            raise ExtensionNotServed(_sentence("extendedKeyUsage", profile))


def _sentence(extension: str, profile: Profile) -> str:
    return (
        f"the {extension} that is asked for has nothing in common with that of the profile {profile.name};"
        " leave it out, or ask for another profile"
    )


def _bits(usage: bytes) -> int:
    octets = asn1.decode_der(asn1.BitString, usage).as_bytes()
    return int.from_bytes(octets[:_USAGE_OCTETS].ljust(_USAGE_OCTETS, b"\0"), "big")


def _purposes(value: bytes) -> frozenset[ObjectIdentifier]:
    try:
        return frozenset(asn1.decode_der(ObjectIdentifier, purpose) for purpose in der.elements(value))
    except ValueError:
        raise BadCsr("the extendedKeyUsage of the certification request cannot be read") from None
