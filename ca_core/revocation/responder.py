"""The OCSP responder: from a question to a signed answer, ready-made where that is possible (RFC 6960, 2.5)."""

from __future__ import annotations

from collections.abc import Collection

from ca_core.clock import Clock
from ca_core.errors import NotFound, Throttled
from ca_core.identity import serial_text
from ca_core.revocation import ocsp
from ca_core.revocation.delegate import Delegate, Delegates
from ca_core.revocation.ocsp import UNKNOWN, Answer, CertId, Question
from ca_core.revocation.ready_made import ReadyMade
from ca_core.store import statuses
from ca_core.store.database import Database
from ca_core.store.statuses import Status

MOST_READY = 100_000
MOST_READY_OCTETS = 128 << 20
MOST_READY_ABOUT_ONE = 64
"""Answers about one certificate: alone by each hash, and with others. All of them go when its status changes, and
nobody else should wait for that."""
MOST_AT_ONCE = 256
"""Answers that are being made at one time: beyond, whoever asks for signatures waits, and nobody else."""
BLIND_SECONDS = 15
"""For how long ready-made answers are trusted without a look at what changed. With the half minute that caches keep
an answer, a revocation is seen within the 60 s that are promised, or the answer is `tryLater` (RULES, S11)."""

_FORGET_EVERY_SECONDS = 3600
_RETRY_AFTER_SECONDS = 1


class Responder:
    """Answers OCSP questions about what our CAs issued.

    Args:
        lifetime_seconds: how long an answer is good for.
    """

    def __init__(self, database: Database, clock: Clock, delegates: Delegates, *, lifetime_seconds: int) -> None:
        self._database = database
        self._clock = clock
        self._delegates = delegates
        self._lifetime_seconds = lifetime_seconds
        self._ready: ReadyMade[bytes, Answer] = ReadyMade(
            _octets, _serials, most=MOST_READY, most_octets=MOST_READY_OCTETS, most_alike=MOST_READY_ABOUT_ONE
        )
        self._at_once = 0
        self._last_change: int | None = None
        self._trusted_from = self._trusted_until = 0
        self._turns = 0
        self._generation = 0
        self._forget_at = 0

    def stands(self, answer: Answer, now: int) -> bool:
        """Whether a ready-made answer may be given again.

        Args:
            now: UTC seconds.
        """
        return self._is_fresh(answer, now) and self._ready.get(answer.key) is answer

    async def answer(self, question: Question) -> Answer:
        """Answer a question.

        Raises:
            NotFound: about a certificate of a CA that is not ours, or of two of ours: nobody signs for both.
            Busy: the store cannot be read, nobody is certified to answer, or too much is asked at once.
        """
        if question.nonce is None:
            ready = self._ready.get(question.key)
            if ready is not None and self._is_fresh(ready, self._clock.now()):
                return ready
        if self._at_once >= MOST_AT_ONCE:
            raise Throttled("too many answers are being signed; ask again", retry_after_seconds=_RETRY_AFTER_SECONDS)
        self._at_once += 1
        try:
            return await self._made(question)
        finally:
            self._at_once -= 1

    async def turn(self) -> None:
        """Let go of the answers about certificates whose status changed, in this process or another.

        Those of a delegate that was replaced go too: it may have been revoked.

        Raises:
            StoreUnavailable: it cannot be told; ready-made answers are given for a few seconds more.
        """
        now = self._clock.now()
        async with self._database.read() as tx:
            if self._last_change is None:
                self._last_change = await statuses.last_change(tx)
                changes = None
            else:
                changes = await statuses.changes_after(tx, self._last_change)
        if changes is None:
            self._let_go(None)
        elif changes:
            self._last_change = changes[-1][0]
            self._let_go({serial for _, serial in changes})
        if self._delegates.generation != self._generation:
            self._generation = self._delegates.generation
            self._let_go(None)
        self._trusted_from, self._trusted_until = now, now + BLIND_SECONDS
        if now >= self._forget_at:
            await self._forget(now)

    def _let_go(self, serials: Collection[str] | None) -> None:
        """Drop the answers about some serials, or all, and whatever is being made of older knowledge at this moment."""
        self._turns += 1
        if serials is None:
            self._ready.clear()
        else:
            self._ready.drop(serials)

    async def _forget(self, now: int) -> None:
        self._forget_at = now + _FORGET_EVERY_SECONDS
        async with self._database.write() as tx:
            await statuses.forget_changes(tx, before=now - self._lifetime_seconds - _FORGET_EVERY_SECONDS)

    def _is_fresh(self, answer: Answer, now: int) -> bool:
        seen = self._trusted_from <= now < self._trusted_until
        return seen and answer.this_update <= now < answer.fresh_until

    async def _made(self, question: Question) -> Answer:
        """Look up, sign, and keep if nothing changed meanwhile."""
        name = self._issuer_of(question)
        delegate, turns = self._delegates.of(name), self._turns
        found = await self._statuses(name, question.certificates)
        answer = await self._signed(delegate, question, found)
        # What was looked up before a change may have been good then: it is an answer, and not kept as one.
        if answer.is_ready_made and turns == self._turns:
            self._ready.put(answer.key, answer)
        return answer

    def _issuer_of(self, question: Question) -> str:
        names = {self._delegates.issuer_of(certificate.issuer) for certificate in question.certificates}
        if len(names) > 1:
            raise NotFound("the certificates are of several issuers; ask about each issuer's alone")
        return names.pop()

    async def _statuses(self, issuer: str, certificates: Collection[CertId]) -> list[Status | None]:
        async with self._database.read() as tx:
            return [await statuses.status(tx, issuer, serial_text(one.serial)) for one in certificates]

    async def _signed(self, delegate: Delegate, question: Question, found: list[Status | None]) -> Answer:
        now = self._clock.now()
        next_update = min(now + self._lifetime_seconds, delegate.not_after)
        singles = [
            ocsp.single_response(certificate, _cert_status(status), this_update=now, next_update=next_update)
            for certificate, status in zip(question.certificates, found, strict=True)
        ]
        tbs = ocsp.response_data(singles, key_hash=delegate.key_hash, produced_at=now, nonce=question.nonce)
        signature = await delegate.key.sign(tbs)
        return Answer(
            der=ocsp.response(tbs, delegate.key.algorithm, signature, [delegate.certificate]),
            key=question.key,
            serials=tuple(serial_text(certificate.serial) for certificate in question.certificates),
            this_update=now,
            next_update=next_update,
            # A serial that is not known may be issued in the next second, and anybody can invent more of them
            # than there are places here.
            is_ready_made=question.nonce is None and None not in found,
        )


def _cert_status(status: Status | None) -> bytes:
    """What to say of a certificate: never `good` of one that was not issued (RFC 6960, 2.2)."""
    if status is None:
        return UNKNOWN
    if status.revoked_at is None:
        return ocsp.GOOD
    return ocsp.revoked(status.revoked_at, status.reason or 0)


def _octets(answer: Answer) -> int:
    return len(answer.der)


def _serials(answer: Answer) -> tuple[str, ...]:
    return answer.serials
