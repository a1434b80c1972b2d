"""Whether the profiles fit the CAs that are to sign them; asked when the authority is opened."""

from __future__ import annotations

from collections.abc import Iterable

from ca_core.errors import Misconfigured
from ca_core.issuance.authorities import Authorities
from ca_core.issuance.chain import IssuerCertificate
from ca_core.policy.profile import Profile


def prove_profiles(profiles: Iterable[Profile], authorities: Authorities, *, now: int) -> None:
    """Prove that there is a CA for each profile, and that none is to live longer than its CA.

    A CA that nears its end is another matter: what it issues then ends with it.

    Raises:
        Misconfigured: names the profile and the field.
    """
    for profile in profiles:
        if profile.issuer not in authorities.lines:
            lines = ", ".join(sorted(authorities.lines))
            raise Misconfigured(
                f"profiles.{profile.name}.issuer: there is no line of issuing CAs {profile.issuer[:64]!r};"
                f" choose among {lines}, or see: soapstone authority --help"
            )
        require_outlived(profile, authorities.current(profile.issuer, now=now).certificate)


def require_outlived(profile: Profile, issuer: IssuerCertificate) -> None:
    """Prove that certificates of a profile fit into the life of a CA.

    Raises:
        Misconfigured: names the profile and the field.
    """
    life = issuer.not_after - int(issuer.certificate.not_valid_before_utc.timestamp())
    if profile.validity_seconds > life:
        raise Misconfigured(
            f"profiles.{profile.name}.validity_seconds is more than the {life} of the CA {issuer.name} itself;"
            " nothing can outlive its issuer"
        )
