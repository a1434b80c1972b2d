"""A sample of what a profile makes, linted at the start: what settings did wrong, no subscriber has to find out."""

from __future__ import annotations

from ca_core import names
from ca_core.errors import Misconfigured
from ca_core.identity import new_serial
from ca_core.issuance.authorities import IssuingCa
from ca_core.issuance.lint import LintFailed, lint
from ca_core.issuance.linter import Linter
from ca_core.issuance.plan import tbs_certificate
from ca_core.issuance.shape import shape_of
from ca_core.names import Kind
from ca_core.policy.keys import spki_der
from ca_core.policy.profile import Profile
from ca_core.policy.subject import subject_der
from ca_core.signing.software import generate

_SUBJECT = "CN=Sample,O=Sample,C=TW"
_NAMES = {
    Kind.DNS: names.dns("sample.example.com"),
    Kind.IP: names.ip("192.0.2.1"),
    Kind.EMAIL: names.email("sample@example.com"),
    Kind.URI: names.uri("https://sample.example.com/"),
    Kind.PERMANENT: names.permanent("sample"),
}


async def prove_sample(profile: Profile, ca: IssuingCa, linter: Linter, *, now: int) -> None:
    """Plan and lint a certificate that nobody signs.

    Raises:
        Misconfigured: no certificate of this profile would pass; names the profile and the finding.
    """
    key = generate("ec-p256" if profile.usages_for("ec") else "rsa-2048")
    algorithm, issuer, subject, spki = (
        ca.key.algorithm,
        ca.certificate,
        subject_der(_SUBJECT),
        spki_der(key.public_key()),
    )
    granted = frozenset(_NAMES[kind] for kind in profile.name_kinds)
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
    try:
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
    except LintFailed as finding:
        raise Misconfigured(f"profiles.{profile.name} makes certificates that are not sound: {finding}") from None
