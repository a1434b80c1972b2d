"""The issuance cycle, numbered as in docs/issuance-cycle.md.

1  plan       serial and every to-be-signed byte
2  intend     stored with the decision, in one transaction (`ca_core.enrollment`)
3  lint       the stored bytes, before the key moves: each against what was granted, each new shape with pkilint
4  sign       exactly the linted bytes
5  check      the result against the CA's certificate and the plan
6  store      certificate and journal row, in one transaction
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ca_core import der
from ca_core import names as names_module
from ca_core.audit import journal
from ca_core.audit.event import CertificateIssued
from ca_core.clock import Clock
from ca_core.errors import Busy, InProgress, KeyUnavailable, Misconfigured, Refusal
from ca_core.identity import new_serial, serial_text
from ca_core.issuance.authorities import Authorities, IssuingCa, transport_line
from ca_core.issuance.lint import LintFailed, lint
from ca_core.issuance.linter import Linter
from ca_core.issuance.plan import tbs_certificate
from ca_core.issuance.sample import prove_sample
from ca_core.issuance.shape import shape_of
from ca_core.policy.decision import Wish, subject_for
from ca_core.policy.period import WishedPeriod, period
from ca_core.policy.profile import OWN_TLS, Profile
from ca_core.policy.request import CertificationRequest
from ca_core.registration.account import Registration
from ca_core.revocation import acts, crl
from ca_core.revocation.acts import Act
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.store import certificates, holds, registrations
from ca_core.store.certificates import Certificate, Intention
from ca_core.store.database import Database

_UNUSABLE_SECONDS = 60
PATIENCE_SECONDS = 4
"""Clients that give up after 10 s (Ansible) must have heard before that they are to come again."""
RECOVERY = "server:recovery"
"""The journal's actor for what the start-up finishes."""


class CheckFailed(Exception):
    """What was signed is not what was planned: our bug, or a key that is not the certificate's."""


class _Settled(Exception):
    """An intention is none any more."""


class Issuer:
    """Turns an approved wish into a certificate.

    Args:
        linter: remembers which shapes of certificates passed.
        crl_shards: how many CRLs share the new certificates of a CA; 1 means that there is the full one only.
        patience_seconds: how long whoever waits at a door waits for a signature; it is made later then.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        authorities: Authorities,
        linter: Linter,
        *,
        crl_shards: int = 1,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._authorities = authorities
        self._linter = linter
        self._crl_shards = crl_shards
        self._patience_seconds = patience_seconds
        self._left: set[str] = set()

    async def prepare(self, profiles: Iterable[Profile]) -> None:
        """Load what step 3 needs before somebody waits for it, and prove it on a sample of each profile.

        Raises:
            Misconfigured: a profile whose certificates would not pass; says which.
        """
        await self._linter.prepare()
        now = self._clock.now()
        for profile in profiles:
            is_own = profile.name == OWN_TLS.name
            line = transport_line(self._authorities) if is_own else profile.issuer
            await prove_sample(profile, self._authorities.current(line, now=now), self._linter, now=now)

    def require_period(self, profile: Profile, wished: WishedPeriod, *, now: int) -> None:
        """Let only a period pass that a certificate issued now could have.

        Raises:
            PeriodNotOffered: it is more than there is.
            KeyUnavailable: there is no CA that could issue it.
        """
        ca = self._ca(None, profile, now)
        period(profile, wished, issuer_not_after=ca.certificate.not_after, now=now)

    def plan(
        self,
        registration: Registration,
        wish: Wish,
        request: CertificationRequest,
        *,
        door: str,
        request_key: str | None,
        issuer_name: str | None,
        origin: str | None = None,
        now: int,
    ) -> Intention:
        """Step 1: choose the CA and the serial, and lay down every byte that will be signed.

        Args:
            issuer_name: the CA; None means the one that issues now in the profile's line.
            origin: the credential that the certificate goes back to.

        Raises:
            KeyUnavailable: its key is known to be out of reach; nothing is begun then.
            PeriodNotOffered: the wished period is more than there is.
        """
        ca = self._ca(issuer_name, wish.profile, now)
        ca.key.require_ready()
        serial = new_serial()
        shard = crl.shard_of(serial, self._crl_shards)
        plan = tbs_certificate(
            issuer=ca.certificate,
            algorithm=ca.key.algorithm,
            profile=wish.profile,
            subject_der=wish.subject_der,
            names=wish.names,
            spki=request.spki,
            serial=serial,
            now=now,
            crl_url=ca.certificate.crl_url_of(shard),
            wished=wish.period,
        )
        return Intention(
            serial=serial_text(serial),
            issuer=ca.certificate.name,
            request_key=request_key,
            registration_id=registration.id,
            profile=wish.profile.name,
            names=wish.names,
            spki_sha256=request.spki_sha256,
            not_before=plan.not_before,
            not_after=plan.not_after,
            replaces=wish.replaces,
            door=door,
            tbs=plan.tbs,
            shard=shard,
            credential_id=origin,
        )

    def _ca(self, name: str | None, profile: Profile, now: int) -> IssuingCa:
        try:
            named = self._authorities.named(name) if name else None
            return named or self._authorities.current(profile.issuer, now=now)
        except Misconfigured as error:
            raise _unusable() from error

    async def complete(
        self,
        intention: Intention,
        profile: Profile,
        *,
        subject_der: bytes,
        spki: bytes,
        actor: str,
        recovered: bool = False,
    ) -> Certificate:
        """Steps 3 to 6: lint, sign, check, store.

        Raises:
            Busy: the key or the store cannot be used now; the intention stays, and `finish_left` finishes it.
            LintFailed, CheckFailed: our bug; the intention is given up.
        """
        try:
            return await self._complete(
                intention, profile, subject_der=subject_der, spki=spki, actor=actor, recovered=recovered
            )
        except Busy:
            self._left.add(intention.serial)
            raise

    async def _complete(
        self, intention: Intention, profile: Profile, *, subject_der: bytes, spki: bytes, actor: str, recovered: bool
    ) -> Certificate:
        try:
            ca = self._authorities.named(intention.issuer)
        except Misconfigured as error:
            raise _unusable() from error
        try:
            await self._lint(ca, intention, profile, subject_der=subject_der, spki=spki)  # 3
        except LintFailed as finding:
            await self._abandon(intention, why=f"lint: {finding}")
            raise
        signature = await self._signed(ca, intention.tbs, is_at_a_door=not recovered)  # 4
        certificate = der.assemble(intention.tbs, ca.key.algorithm, signature)
        try:
            _check(ca, certificate, intention)  # 5
        except CheckFailed as finding:
            await self._abandon(intention, why=f"check: {finding}")
            raise
        return await self._store(intention, certificate, actor=actor, recovered=recovered)  # 6

    async def _signed(self, ca: IssuingCa, tbs: bytes, *, is_at_a_door: bool) -> bytes:
        try:
            # Who finishes what was left waits for as long as the key does, and hears that it is away.
            async with asyncio.timeout(self._patience_seconds if is_at_a_door else None):
                return await ca.key.sign(tbs)
        except TimeoutError:
            raise KeyUnavailable("the CA's key is slow; the signature follows", retry_after_seconds=1) from None

    async def _lint(
        self, ca: IssuingCa, intention: Intention, profile: Profile, *, subject_der: bytes, spki: bytes
    ) -> None:
        algorithm = ca.key.algorithm
        read = lint(
            intention.tbs,
            issuer=ca.certificate,
            algorithm=algorithm,
            profile=profile,
            subject_der=subject_der,
            names=intention.names,
            spki=spki,
            # One that is to begin later is looked at as of then.
            now=max(self._clock.now(), intention.not_before),
            crl_url=ca.certificate.crl_url_of(intention.shard),
        )
        issuer_der = ca.certificate.subject_der
        shape = shape_of(
            read, profile=profile, issuer_der=issuer_der, algorithm=algorithm, names=intention.names, spki=spki
        )
        await self._linter.require(shape, intention.tbs, ca.key.public_key)

    async def _store(self, intention: Intention, certificate: bytes, *, actor: str, recovered: bool) -> Certificate:
        now = self._clock.now()
        issued = CertificateIssued(
            profile=intention.profile,
            names=tuple(sorted(map(str, intention.names))),
            not_after=intention.not_after,
            replaces=intention.replaces,
            recovered=recovered,
        )
        concerns = {"registration_id": intention.registration_id, "serial": intention.serial}
        try:
            async with self._database.write() as tx:
                await certificates.issue_once(tx, intention.serial, certificate, or_else=_Settled, now=now)
                await journal.record(tx, issued, now=now, actor=actor, **concerns)
        except _Settled:
            # The recovery has finished the same intention meanwhile, with another signature: the first one stays.
            # Where commits are shared, it may wait for the very one that this had a part in, and is read by no others.
            async with self._database.write() as tx:
                stored = await certificates.by_serial(tx, intention.serial)
            if stored is None:
                raise InProgress(
                    "the registration changed while this was being signed", retry_after_seconds=1
                ) from None
            return stored
        return _issued(intention, certificate, now=now)

    async def recover(self, profiles: Mapping[str, Profile], *, before: int) -> int:
        """Finish every intention made before a time, or give it up (DESIGN, invariant 1); return how many.

        Given up are those whose registration is not active any more, and those that no longer pass the lint. Where
        the key or the store is busy, an intention stays for `finish_left`, and the others have their turn.
        """
        async with self._database.read() as tx:
            left = await certificates.intentions(tx, before=before)
        return sum([await self._is_settled(intention, profiles) for intention in left])

    async def finish_left(self, profiles: Mapping[str, Profile]) -> None:
        """Finish what a busy key or store left, once it is back; nobody else is at these intentions any more."""
        for serial in sorted(self._left):
            async with self._database.read() as tx:
                intention = await certificates.intention(tx, serial)
            if intention is None or await self._is_settled(intention, profiles):
                self._left.discard(serial)

    async def _is_settled(self, intention: Intention, profiles: Mapping[str, Profile]) -> bool:
        try:
            await self._recover(intention, profiles)
        except Busy:
            self._left.add(intention.serial)
            return False
        return True

    async def _recover(self, intention: Intention, profiles: Mapping[str, Profile]) -> None:
        spki = der.spki_of(intention.tbs)
        async with self._database.read() as tx:
            registration = await registrations.by_id(tx, intention.registration_id)
        profile = profiles.get(intention.profile)
        if self._has_expired(intention.issuer):
            await self._abandon(intention, why="its CA has expired")
            return
        try:
            registration.require_active(self._clock.now())
        except Refusal as refusal:
            await self._abandon(intention, why=str(refusal))
            return
        if profile is None:
            await self._abandon(intention, why="the profile is gone")
            return
        try:
            await self.complete(
                intention,
                profile,
                subject_der=subject_for(registration, profile, intention.names, intention.door),
                spki=spki,
                actor=RECOVERY,
                recovered=True,
            )
        except (LintFailed, CheckFailed):
            # Given up and journaled by `complete`; the others still want to be finished.
            return

    def _has_expired(self, issuer: str) -> bool:
        known = {one.name: one.certificate.not_after for one in self._authorities.all()}
        return known.get(issuer, 0) < self._clock.now()

    async def _abandon(self, intention: Intention, *, why: str) -> None:
        """Give an intention up and revoke its serial, in case a signature got out before the crash."""
        act = Act(
            reason=Reason.CESSATION_OF_OPERATION,
            asker=Asker.OPERATOR,
            actor=RECOVERY,
            now=self._clock.now(),
            note=why,
        )
        async with self._database.write() as tx:
            await tx.hold(holds.STATUSES)
            await acts.abandon(tx, intention, act)


def _unusable() -> KeyUnavailable:
    """What a subscriber is told of a CA that the operator has to see to."""
    text = "certificates cannot be signed for the moment; send the same request again later"
    return KeyUnavailable(text, retry_after_seconds=_UNUSABLE_SECONDS)


def _issued(intention: Intention, certificate: bytes, *, now: int) -> Certificate:
    return Certificate(
        serial=intention.serial,
        issuer=intention.issuer,
        registration_id=intention.registration_id,
        profile=intention.profile,
        names=names_module.canonical(intention.names),
        spki_sha256=intention.spki_sha256,
        not_before=intention.not_before,
        not_after=intention.not_after,
        replaces=intention.replaces,
        issued_at=now,
        der=certificate,
        shard=intention.shard,
        credential_id=intention.credential_id,
    )


def _check(ca: IssuingCa, certificate: bytes, intention: Intention) -> None:
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        parsed.verify_directly_issued_by(ca.certificate.certificate)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CheckFailed(str(error) or "the signature does not verify") from error
    if parsed.tbs_certificate_bytes != intention.tbs:
        raise CheckFailed("the signed bytes are not the linted ones")
