"""Registrations and sheets as they are made: what the store gets of them, and what their holder gets."""

from __future__ import annotations

import secrets

import msgspec

from ca_core.audit.event import Registered
from ca_core.identity import new_id
from ca_core.registration import credential as credential_module
from ca_core.registration.account import Registration, Status
from ca_core.registration.credential import Credential, CredentialKind, SecretKeeper
from ca_core.registration.form import Form
from ca_core.registration.kind import Kind
from ca_core.registration.proof_keys import proof_keys
from ca_core.registration.sheet import Sheet, eab_key
from ca_core.secret import Secret

_ACCOUNT_OCTETS = 5


def new_registration(form: Form, kind: Kind, subject_der: bytes, *, now: int) -> Registration:
    """What a form that was vetted registers; it has no sheet yet.

    Args:
        subject_der: as `vetting.require_sound` returned it.
    """
    return Registration(
        id=new_id(now),
        account=form.account or f"{kind.name[:3]}-{secrets.token_hex(_ACCOUNT_OCTETS)}",
        kind=kind.name,
        status=Status.ACTIVE,
        subject=form.subject,
        subject_der=subject_der,
        grants=form.grants,
        profiles=form.profiles or kind.profiles,
        language=form.language,
        uses=kind.code_uses if form.uses is msgspec.UNSET else form.uses,
        sheet=0,
        created_at=now,
        expires_at=now + kind.registration_seconds,
        eab_uses=kind.eab_uses if form.uses is msgspec.UNSET else form.uses,
        realm=form.realm,
        owner=form.owner,
        # The first sheet makes it 1.
        version=0,
        contact_read=form.contact,
    )


def new_sheet(
    registration: Registration, kind: Kind, keeper: SecretKeeper, *, number: int, now: int
) -> tuple[Sheet, tuple[Credential, ...]]:
    """Draw the secrets of a sheet; the store gets the credentials, and nobody gets the sheet twice."""
    made: list[Credential] = []

    def keep(
        what: CredentialKind,
        secret: bytes,
        uses: int | None,
        seconds: int,
        *,
        kid: str | None = None,
        proof: bytes | None = None,
    ) -> None:
        made.append(
            Credential(
                *(new_id(now), registration.id, number, what, kid, secret, uses, now + seconds),
                proof_key=proof,
                dormant=kind.activation and what is not CredentialKind.PASSWORD,
            )
        )

    password = code = eab = None
    if kind.has_password:
        password = credential_module.new_password()
        keep(CredentialKind.PASSWORD, keeper.hashed(registration.id, password), None, kind.password_seconds)
    if kind.has_enrollment_code:
        code = credential_module.new_enrollment_code()
        hashed, proof = keeper.hashed(registration.id, code), sealed_proof(keeper, registration, code)
        keep(CredentialKind.ENROLLMENT_CODE, hashed, registration.uses, kind.code_seconds, proof=proof)
    if kind.has_eab_key:
        kid, mac_key = credential_module.new_kid(), credential_module.new_mac_key()
        eab = eab_key(kid, mac_key)
        sealed = keeper.sealed(kid, mac_key)
        keep(CredentialKind.EAB_KEY, sealed, registration.eab_uses, kind.eab_seconds, kid=kid)
    return Sheet(registration.account, registration.subject, number, password, code, eab), tuple(made)


def sealed_proof(keeper: SecretKeeper, registration: Registration, code: Secret) -> bytes:
    """What proves a code without showing it (RFC 5272, 6.2), as it is stored."""
    return keeper.sealed_proof(registration.id, proof_keys(code, registration.account))


def registered(registration: Registration) -> Registered:
    """What the journal holds of a new registration."""
    return Registered(
        account=registration.account,
        kind=registration.kind,
        subject=registration.subject,
        profiles=registration.profiles,
        names=tuple(map(str, registration.grants)),
    )
