"""A sample of what a profile makes, linted at the start: what settings did wrong, no subscriber has to find out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core import der, names
from ca_core.errors import Misconfigured
from ca_core.identity import new_serial
from ca_core.issuance.authorities import IssuingCa
from ca_core.issuance.lint import LintFailed, lint
from ca_core.issuance.linter import Linter
from ca_core.issuance.plan import tbs_certificate
from ca_core.issuance.shape import shape_of
from ca_core.names import Identifier, Kind
from ca_core.policy.decision import subject_taken
from ca_core.policy.key_types import FAMILIES
from ca_core.policy.keys import MIN_EXPONENT, spki_der
from ca_core.policy.profile import Profile
from ca_core.policy.subject import subject_der

_SUBJECT = subject_der("CN=Sample,O=Sample,C=TW")
# Where the profile chooses attributes: one of each that a registered subject may have.
_WHOLE_SUBJECT = subject_der(
    "UID=Sample,emailAddress=sample@example.com,serialNumber=Sample,dnQualifier=Sample,CN=Sample,title=Sample,"
    "GN=Sample,SN=Sample,pseudonym=Sample,businessCategory=Sample,organizationIdentifier=Sample,OU=Sample,O=Sample,"
    "STREET=Sample,postalCode=Sample,L=Sample,ST=Sample,DC=example,DC=com,C=TW"
)
_NAMES = {
    Kind.DNS: names.dns("sample.example.com"),
    Kind.IP: names.ip("192.0.2.1"),
    Kind.EMAIL: names.email("sample@example.com"),
    Kind.URI: names.uri("https://sample.example.com/"),
    Kind.PERMANENT: names.permanent("sample"),
}


# Nobody needs the private half: nothing is signed with it.
_KEYS: Mapping[str, Callable[[], PublicKeyTypes]] = MappingProxyType(
    {
        "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()).public_key(),
        "ec-p384": lambda: ec.generate_private_key(ec.SECP384R1()).public_key(),
        "ec-p521": lambda: ec.generate_private_key(ec.SECP521R1()).public_key(),
        "ed25519": lambda: ed25519.Ed25519PrivateKey.generate().public_key(),
        "ml-dsa-44": lambda: mldsa.MLDSA44PrivateKey.generate().public_key(),
        "ml-dsa-65": lambda: mldsa.MLDSA65PrivateKey.generate().public_key(),
        "ml-dsa-87": lambda: mldsa.MLDSA87PrivateKey.generate().public_key(),
        "rsa-2048": lambda: _rsa_key(2048),
        "rsa-3072": lambda: _rsa_key(3072),
        "rsa-4096": lambda: _rsa_key(4096),
        "rsa-8192": lambda: _rsa_key(8192),
    }
)
"""The keys that profiles may list, those first that are the better sample."""
_SMALL = math.prod(n for n in range(3, 1000, 2) if all(n % divisor for divisor in range(3, n, 2)))


async def prove_sample(profile: Profile, ca: IssuingCa, linter: Linter, *, now: int) -> None:
    """Plan and lint what the profile makes of a registered subject at each of its doors; nobody signs it.

    Raises:
        Misconfigured: no certificate of this profile would pass; names the profile and the finding.
    """
    spki = spki_der(sample_key(profile))
    granted = frozenset(_NAMES[kind] for kind in profile.name_kinds)
    registered = _SUBJECT if profile.subject is None else _WHOLE_SUBJECT
    subjects = {subject_taken(registered, profile, granted, door) for door in profile.doors}
    # Neither names nor a subject: enrollment refuses who registered so little, and the profile may be sound.
    for subject in sorted(subjects - ({der.EMPTY_SEQUENCE} if not granted else set())):
        try:
            await _prove(profile, ca, linter, subject=subject, granted=granted, spki=spki, now=now)
        except LintFailed as finding:
            raise Misconfigured(f"profiles.{profile.name} makes certificates that are not sound: {finding}") from None


def sample_key(profile: Profile) -> PublicKeyTypes:
    """A key that the profile certifies; of RSA only where it certifies nothing else."""
    listed = profile.key_types or _KEYS.keys()
    return next(make() for name, make in _KEYS.items() if name in listed and profile.usages_for(FAMILIES[name]))


async def _prove(
    profile: Profile,
    ca: IssuingCa,
    linter: Linter,
    *,
    subject: bytes,
    granted: frozenset[Identifier],
    spki: bytes,
    now: int,
) -> None:
    algorithm, issuer = ca.key.algorithm, ca.certificate
    plan = tbs_certificate(
        issuer=issuer,
        algorithm=algorithm,
        profile=profile,
        subject_der=subject,
        names=granted,
        spki=spki,
        serial=new_serial(),
        now=now,
    )
    read = lint(
        plan.tbs,
        issuer=issuer,
        algorithm=algorithm,
        profile=profile,
        subject_der=subject,
        names=granted,
        spki=spki,
        now=now,
    )
    shape = shape_of(
        read, profile=profile, issuer_der=issuer.subject_der, algorithm=algorithm, names=granted, spki=spki
    )
    await linter.require(shape, plan.tbs, ca.key.public_key)


def _rsa_key(bits: int) -> rsa.RSAPublicKey:
    """A public key that looks sound and whose factors nobody knows: to find two primes of 4096 bits takes a minute."""
    modulus = (1 << bits) - 1
    while math.gcd(modulus, _SMALL) != 1:
        modulus -= 2
    return rsa.RSAPublicNumbers(MIN_EXPONENT, modulus).public_key()
