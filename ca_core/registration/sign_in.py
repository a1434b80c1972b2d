"""Who is it? Secrets and client certificates to applicants."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from cryptography import x509

from ca_core.applicant import Applicant, Door
from ca_core.audit import journal
from ca_core.audit.event import CredentialRefused
from ca_core.clock import Clock
from ca_core.errors import (
    CertificateExpired,
    CertificateNotAccepted,
    CertificateRevoked,
    CredentialExpired,
    CredentialRevoked,
    CredentialSpent,
    NetworkNotAllowed,
    NotActivated,
    RegistrationClosed,
    RegistrationExpired,
    RegistrationSuspended,
    Throttled,
    WrongSecret,
)
from ca_core.identity import serial_text
from ca_core.metering import Meters, own_meter
from ca_core.policy.renewal import Grace, no_grace
from ca_core.registration import device_certificate
from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential, SecretKeeper, new_mac_key
from ca_core.registration.limits import NONE as NO_LIMITS
from ca_core.registration.proof_keys import ProofKeys, keys_of_nobody
from ca_core.registration.recognition import recognized
from ca_core.registration.throttle import Throttle
from ca_core.secret import Secret
from ca_core.store import certificates, credentials, registrations
from ca_core.store.certificates import Certificate
from ca_core.store.database import Database

_NOTED = (
    *(RegistrationSuspended, RegistrationClosed, RegistrationExpired, CredentialSpent, CredentialExpired),
    *(CredentialRevoked, NetworkNotAllowed, NotActivated),
    *(CertificateNotAccepted, CertificateExpired, CertificateRevoked),
)
"""What is said to somebody whose secret or key was right."""

_SHOWN = 64
_NOBODY = "nobody"


class SignIn:
    """Proves applicants; journals and throttles what proves nothing.

    Args:
        meters: makes what counts wrong secrets.
    """

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, *, meters: Meters = own_meter) -> None:
        self._database = database
        self._clock = clock
        self._keeper = keeper
        self._throttle, self._noted = Throttle("wrong-secrets", meters), Throttle("noted-refusals", meters)
        self._sealed_for_nobody = keeper.sealed(_NOBODY, new_mac_key())
        self._proof_of_nobody = keeper.sealed_proof(_NOBODY, keys_of_nobody())

    async def by_enrollment_code(self, account: str, code: Secret, *, source: str, door: Door) -> Applicant:
        """Prove an applicant by an enrollment code of the newest sheet: its own, or a further one.

        A spent or expired code proves still, so that a repeated request gets its certificate again;
        `enroll()` refuses it for anything new.

        Raises:
            WrongSecret: unknown account, no such code, wrong or voided code: not told apart.
            Throttled: too many of those from this source.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed, NotActivated: the code was right.
            CredentialRevoked, NetworkNotAllowed: so it was, and may not be used, or not from here.
        """
        async with self._database.read() as tx:
            registration = await registrations.by_account(tx, account)
            # Both paths ask twice and hash once, so that neither bytes nor time say whether there is one; each further
            # code costs one comparison.
            owner = registration.id if registration else ""
            found = await credentials.codes(tx, owner)
        hashed = self._keeper.hashed(owner, code)
        matching = None
        for id_, secret, _ in found:
            if hmac.compare_digest(hashed, secret):
                matching = id_
        if registration is None or matching is None:
            await self.refuse(account, source=source, door=door)
            raise WrongSecret
        return await self._of_code(registration, matching, source=source, door=door)

    async def by_proof(self, account: str, holds: Callable[[ProofKeys], bool], *, source: str, door: Door) -> Applicant:
        """Prove an applicant who knows the enrollment code of the newest sheet and does not show it (RFC 5272, 6.2).

        Args:
            holds: checks the proof with a code's keys, in constant time.

        Raises:
            Refusal: as `by_enrollment_code` says; a sheet from before such proofs were known is no such code.
        """
        async with self._database.read() as tx:
            registration = await registrations.by_account(tx, account)
            owner = registration.id if registration else ""
            found = await credentials.codes(tx, owner)
        sealed = [(owner, proof_key, id_) for id_, _, proof_key in found if proof_key is not None]
        # As above: where there is none, a seal is opened and the proof is checked as where there is one.
        tried = sealed or [(_NOBODY, self._proof_of_nobody, "")]
        held = [id_ for whose, proof_key, id_ in tried if holds(self._keeper.opened_proof(whose, proof_key))]
        if registration is None or not any(held):
            await self.refuse(account, source=source, door=door)
            raise WrongSecret
        return await self._of_code(registration, held[0], source=source, door=door)

    async def _of_code(self, registration: Registration, id_: str, *, source: str, door: Door) -> Applicant:
        account = registration.account
        async with self._database.read() as tx:
            credential = await credentials.by_id(tx, id_)
        if credential is None:
            raise WrongSecret
        async with self.noting(source=source, door=door, registration_id=registration.id, account=account):
            registration.require_active(self._clock.now())
            if credential.dormant:
                raise NotActivated
            credential.require_unrevoked()
            credential.require_network(source)
        return Applicant(
            registration.id,
            door,
            "enrollment-code",
            source,
            credential_id=credential.id,
            registered=registration,
            origin=credential.id,
            limits=credential.limits,
        )

    async def by_certificate(
        self, der: bytes, serial: int, *, source: str, door: Door, grace: Grace = no_grace
    ) -> Applicant:
        """Prove an applicant by a certificate of ours whose key the TLS handshake has proved.

        The handshake did not judge dates (RULES): here it is done, and against our own store.

        Args:
            der: the certificate as presented.
            serial: its serial number.
            grace: for how many seconds after its end a certificate still proves its holder, by its profile.

        Raises:
            CertificateNotAccepted: it is not one that we issued.
            CertificateRevoked, CertificateExpired: it was ours, once.
            CredentialRevoked: so is what it goes back to: the enrollment code, or the EAB key of the account.
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: its holder may not.
        """
        now = self._clock.now()
        async with self.noting(source=source, door=door, serial=serial_text(serial)):
            async with self._database.read() as tx:
                known = await certificates.by_serial(tx, serial_text(serial))
                if known is None or known.der != der:
                    raise CertificateNotAccepted("the client certificate was not issued to a subscriber of this server")
                registration = await registrations.by_id(tx, known.registration_id)
                origin = await credentials.by_id(tx, known.credential_id) if known.credential_id else None
            known.require_live(now, grace_seconds=grace(known.profile))
            if now < known.not_before:
                raise CertificateNotAccepted("the client certificate is not valid yet; check the clocks")
            registration.require_active(now)
            if origin is not None:
                origin.require_unrevoked()
        return _holder(known, registration, origin, source=source, door=door)

    async def by_manufacturer(
        self, certificate: x509.Certificate, profile: str | None, *, source: str, door: Door
    ) -> Applicant:
        """Prove an applicant by its manufacturer's certificate, whose chain and key were verified.

        Args:
            profile: what is wanted; None means the registration's default.

        Raises:
            CertificateNotAccepted: it is not valid now, or names no device that is registered for this.
            RegistrationSuspended, RegistrationExpired: its holder may not.
        """
        now = self._clock.now()
        async with self.noting(source=source, door=door):
            begin, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
            if not begin <= now <= end:
                raise CertificateNotAccepted("the manufacturer's certificate is not valid now; check the clocks")
            try:
                marks = device_certificate.marks_of(certificate)
            except ValueError:
                raise CertificateNotAccepted("the manufacturer's certificate cannot be read") from None
            registration = await recognized(self._database, marks, profile)
            if registration is None:
                raise CertificateNotAccepted(
                    "the manufacturer's certificate names no device that is registered for this, or more than one;"
                    " have its serial number registered"
                )
            registration.require_active(now)
        return Applicant(registration.id, door, "manufacturer-certificate", source, registered=registration)

    async def on_behalf(self, asking: Applicant, marks: frozenset[str], profile: str | None) -> Applicant | None:
        """Who is meant by an applicant with a certificate who asks for others; None where nobody is, or several are.

        Whether who is meant may have certificates now is for `enroll()` to say: who may not ask for them does not learn
        it.

        Args:
            asking: whose certificate must still be good when it is decided.
            marks: what the request says of whom it means.
            profile: what is wanted; None means the default of who is meant.
        """
        registration = await recognized(self._database, marks, profile)
        if registration is None or asking.registered is None:
            return None
        if registration.id == asking.registration_id:
            return asking
        return Applicant(
            registration.id,
            asking.door,
            f"ra-{asking.registered.account}",
            asking.source,
            serial=asking.serial,
            registered=registration,
        )

    async def account_of(self, registration_id: str) -> str:
        """The account of a registration; proves nothing."""
        async with self._database.read() as tx:
            return (await registrations.by_id(tx, registration_id)).account

    async def eab_key(self, kid: str) -> tuple[Credential | None, bytes]:
        """The credential and MAC key behind a key identifier; of an unknown or void one, None and some key.

        Both paths ask once and open one seal, so that time does not say which it was.
        """
        async with self._database.read() as tx:
            credential = await credentials.by_kid(tx, kid)
        if credential is None:
            return None, self._keeper.opened(_NOBODY, self._sealed_for_nobody)
        return credential, self._keeper.opened(kid, credential.secret)

    @asynccontextmanager
    async def noting(
        self,
        *,
        source: str,
        door: Door,
        registration_id: str | None = None,
        serial: str | None = None,
        account: str = "",
    ) -> AsyncIterator[None]:
        """Journal when somebody whose secret or key was right is refused for what it is worth now; the refusal flies.

        A device may repeat itself for ever: of one source no more is journaled than of wrong secrets.
        """
        try:
            yield
        except _NOTED as refusal:
            event = CredentialRefused(account=account[:_SHOWN], door=door, why=type(refusal).__name__)
            await self._note(event, source=source, registration_id=registration_id, serial=serial)
            raise

    async def _note(
        self, event: CredentialRefused, *, source: str, registration_id: str | None, serial: str | None
    ) -> None:
        now = self._clock.now()
        actor = f"{event.door}:refused:{source}"
        with suppress(Throttled):
            self._noted.require_room(source, now)
            async with self._database.write() as tx:
                await self._noted.failed(tx, source, now)
                await journal.record(tx, event, now=now, actor=actor, registration_id=registration_id, serial=serial)

    async def refuse(self, account: str, *, source: str, door: Door) -> None:
        """Count a wrong secret against its source and journal it.

        Raises:
            Throttled: too many of late; then it is not journaled, or a flood would fill the journal.
        """
        now = self._clock.now()
        self._throttle.require_room(source, now)
        async with self._database.write() as tx:
            await self._throttle.failed(tx, source, now)
            event = CredentialRefused(account=account[:_SHOWN], door=door)
            await journal.record(tx, event, now=now, actor=f"{door}:unproven:{source}")


def _holder(
    known: Certificate, registration: Registration, origin: Credential | None, *, source: str, door: Door
) -> Applicant:
    """Who has shown a certificate of ours."""
    return Applicant(
        registration.id,
        door,
        "certificate",
        source,
        serial=known.serial,
        shown_profile=known.profile,
        shown_der=known.der,
        registered=registration,
        origin=known.credential_id,
        limits=origin.limits if origin else NO_LIMITS,
    )
