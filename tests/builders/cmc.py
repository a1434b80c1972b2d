"""A house with full CMC behind EST's door, and those who speak with it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.policy.profile import BUILT_IN, MESSAGE_SIGNER, Profile
from ca_core.registration.sheet import Sheet
from ca_core.revocation.delegate import Delegates
from conformance.cmc import Ask, Response, message, read
from protocols.cmc.dialogue import CmcServices, FullCmc, Speaker
from protocols.cmc.replays import OwnReplays
from protocols.est.dialogue import EstDialogue
from protocols.est.labels import Label
from protocols.wire import Peer, Reply, Request
from tests.builders.core import Core, core
from tests.builders.delegates import delegates
from tests.builders.est import CLIENT, LABELS, Csr, new_key, post, services

PKI_REQUEST = "application/pkcs7-mime; smime-type=CMC-request"


@dataclass(frozen=True)
class Held:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class CmcHouse:
    """The core with EST and full CMC in front of it."""

    core: Core
    est: EstDialogue
    signers: Delegates

    async def send(self, body: bytes, *, operation: str = "fullcmc", peer: Peer = CLIENT) -> Reply:
        """Send a message as it is."""
        return await self.est.answer(request(body, operation=operation, peer=peer))

    async def move(self, seconds: int) -> None:
        """Let time pass, and the worker that certifies who signs the answers have its turn."""
        self.core.clock.move(seconds)
        await self.signers.turn()

    async def enrolled(self, account: str, *, kind: str = "device", operation: str = "fullcmc") -> Held:
        """Register a subscriber and enroll it by its code."""
        sheet, key = await self.core.register(account, kind=kind), new_key()
        reply = await self.send(by_code(sheet, key), operation=operation)
        assert reply.status == 200, reply
        return Held(answer(reply).issued_to(key), key)


@asynccontextmanager
async def cmc_house(
    folder: Path, profiles: Mapping[str, Profile] = BUILT_IN, labels: Mapping[str, Label] = LABELS
) -> AsyncIterator[CmcHouse]:
    async with core(folder, profiles) as opened:
        signers = delegates(opened, folder, profile=MESSAGE_SIGNER, prefix="messages")
        await signers.turn()
        issuing = opened.authority.issuing

        def speaker(profile: str | None) -> Speaker:
            line = "issuing" if profile is None else profiles[profile].issuer
            return Speaker(signers.of(line), (issuing.public_bytes(Encoding.DER),))

        full_cmc = FullCmc(
            CmcServices(
                sign_in=opened.sign_in,
                enrollment=opened.enrollment,
                revocations=opened.revocations,
                referrals=opened.referrals,
                clock=opened.clock,
                speaker=speaker,
                replays=OwnReplays(),
            )
        )
        offered = replace(services(opened, labels, signers), full_cmc=full_cmc)
        yield CmcHouse(opened, EstDialogue(offered), signers)


def request(body: bytes, *, operation: str = "fullcmc", peer: Peer = CLIENT) -> Request:
    return post(operation, base64.encodebytes(body), peer=peer, media_type=PKI_REQUEST)


def code_of(sheet: Sheet) -> str:
    assert sheet.enrollment_code is not None
    return sheet.enrollment_code.reveal()


def by_code(sheet: Sheet, key: ec.EllipticCurvePrivateKey, csr: Csr | None = None) -> bytes:
    """An enrollment by shared secret."""
    ask = Ask().certificate((csr or Csr(key=key)).der()).proof(sheet.account, code_of(sheet))
    return message(ask.transaction(7, secrets.token_bytes(16)).der(), key)


def by_certificate(held: Held, ask: Ask) -> bytes:
    return message(ask.der(), held.key, held.certificate)


def answer(reply: Reply) -> Response:
    assert dict(reply.headers)["Content-Type"] == "application/pkcs7-mime; smime-type=CMC-response"
    return read(base64.b64decode(reply.body))
