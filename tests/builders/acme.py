"""A house with ACME's door, and a client that signs what it says, or something else."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ca_core import names
from ca_core.names import Identifier
from ca_core.policy.profile import BUILT_IN, Profile
from ca_core.registration.agreement import Agreement
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.sheet import Sheet
from conformance import stores
from protocols.acme.agreements import Agreements
from protocols.acme.challenges import DNS_01, HTTP_01
from protocols.acme.dialogue import AcmeDialogue, AcmeOptions, AcmeServices
from protocols.acme.invitations import Invitations
from protocols.acme.limits import Limits
from protocols.acme.links import Links, Resource
from protocols.acme.nonces import Nonces
from protocols.acme.pauses import Outcomes
from protocols.acme.permission import Permission
from protocols.acme.probes import CaaFound, Question, Seen
from protocols.acme.spending import OwnSpending
from protocols.acme.standing import LimitOptions
from protocols.acme.validation import Validator
from protocols.encoding import base64url, from_base64url
from protocols.wire import Peer, Reply, Request
from server.middleware import Dialogue
from tests.builders import csr, jws, weak_keys
from tests.builders.core import Core, core, granted
from tests.builders.jws import Signer

BASE = "https://ca.example:8443"
LINKS = Links(BASE)
SOURCE = "192.0.2.7"
JOSE = "application/jose+json"
_LATE_SECONDS = 0.05


@dataclass
class StagedProbes:
    """A network in which every name shows the right answer, but for those that are staged otherwise."""

    staged: dict[str, Seen] = field(default_factory=dict)
    asked: list[tuple[Identifier, str, str]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    caa_records: dict[str, CaaFound] = field(default_factory=dict)
    caa_asked: list[str] = field(default_factory=list)
    caa_hold: asyncio.Event | None = None
    hold: asyncio.Event | None = None
    late: frozenset[str] = frozenset()
    """Types of challenges that are looked at as fast as any, and answered after the others."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, question: Question) -> Seen:
        self.questions.append(question)
        self.asked.append((question.identifier, question.token, question.key_authorization))
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if question.type in self.late:
            await asyncio.sleep(_LATE_SECONDS)
        return self.staged.get(question.identifier.value, Seen(proved=True))

    async def caa(self, name: str) -> CaaFound:
        self.caa_asked.append(name)
        if self.caa_hold is not None:
            await self.caa_hold.wait()
        return self.caa_records.get(name, CaaFound())


@dataclass(frozen=True)
class Answer:
    """A reply as a client reads it."""

    status: int
    headers: dict[str, list[str]]
    body: bytes

    @property
    def json(self) -> Any:  # of any shape; a wrong guess fails the test
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The error type without its URN prefix."""
        assert self.header("Content-Type") == "application/problem+json"
        return str(self.json["type"]).removeprefix("urn:ietf:params:acme:error:")

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.problem

    def header(self, name: str) -> str:
        (value,) = self.headers[name]
        return value


def read(reply: Reply) -> Answer:
    headers: dict[str, list[str]] = {}
    for name, value in reply.headers:
        headers.setdefault(name, []).append(value)
    return Answer(reply.status, headers, reply.body)


@dataclass(frozen=True)
class AcmeHouse:
    """A core with ACME in front of it and a staged network behind."""

    core: Core
    probes: StagedProbes
    services: AcmeServices
    dialogue: Dialogue
    validator: Validator
    outcomes: Outcomes
    woken: list[None]

    async def send(
        self, method: str, url: str, body: bytes = b"", *, media_type: str = JOSE, source: str = SOURCE
    ) -> Answer:
        """Send anything; the URL is where it goes, whatever is signed."""
        path, _, query = url.removeprefix(BASE).partition("?")
        headers = {"content-type": media_type} if body else {}
        request = Request(method, path, headers, body, Peer(source), query)
        return read(await self.dialogue.answer(request))

    async def nonce(self) -> str:
        return (await self.send("HEAD", LINKS.to(Resource.NEW_NONCE))).header("Replay-Nonce")

    def client(self, which: int = 0, *, alg: str = "ES256") -> Client:
        """Somebody with a key of one's own; another `which` is somebody else."""
        return Client(self, jws.signer(alg, which))

    async def subscriber(
        self, account: str, *names_: str, which: int = 0, vetted: bool = True, uses: int | None = None
    ) -> Client:
        """A registered subscriber with an ACME account and these DNS names."""
        grants = granted(*map(names.dns, names_), vetted=vetted)
        sheet = await self.core.register(account, *grants, uses=uses)
        client = self.client(which)
        assert (await client.new_account(sheet, termsOfServiceAgreed=True)).status == 201
        return client


@dataclass
class Client:
    """A key, and the account that it has or has not."""

    house: AcmeHouse
    signer: Signer
    kid: str | None = None

    async def post(
        self,
        url: str,
        payload: object = b"",
        *,
        signed_url: str | None = None,
        nonce: str | None = None,
        by_key: bool = False,
    ) -> Answer:
        """POST as the account, or as the key; an empty payload reads."""
        kid = None if by_key else self.kid
        nonce = nonce or await self.house.nonce()
        body = jws.request(self.signer, payload, url=signed_url or url, kid=kid, nonce=nonce)
        return await self.house.send("POST", url, body)

    async def new_account(self, sheet: Sheet | None, **members: object) -> Answer:
        """Make an account by the sheet's EAB key, and remember it."""
        if sheet is not None:
            members["externalAccountBinding"] = self.binding(sheet)
        answer = await self.post(LINKS.to(Resource.NEW_ACCOUNT), members, by_key=True)
        if answer.status in {200, 201}:
            self.kid = answer.header("Location")
        return answer

    def binding(
        self,
        sheet: Sheet,
        *,
        kid: str | None = None,
        mac_key: bytes | None = None,
        jwk: object = None,
        url: str = LINKS.to(Resource.NEW_ACCOUNT),
    ) -> dict[str, Any]:
        """The binding that the sheet makes, or one that differs in some of it."""
        assert sheet.eab is not None
        return jws.binding(
            kid or sheet.eab.kid,
            mac_key or from_base64url(sheet.eab.mac_key.reveal()),
            jwk or self.signer.jwk,
            url=url,
        )

    async def order(self, *values: str, **members: object) -> Answer:
        identifiers = [{"type": kind_of(value), "value": value} for value in values]
        return await self.post(LINKS.to(Resource.NEW_ORDER), {"identifiers": identifiers} | members)

    async def authorize_ahead(self, value: str, **members: object) -> Answer:
        """Ask for the authorization of a name without an order (RFC 8555, 7.4.1)."""
        identifier = {"type": kind_of(value), "value": value}
        return await self.post(LINKS.to(Resource.NEW_AUTHZ), {"identifier": identifier} | members)

    async def challenge(self, order: Answer, number: int = 0, type_: str = "") -> str:
        """The URL of a challenge of one authorization of an order: of this type, else of the one preferred here."""
        found = (await self.post(order.json["authorizations"][number])).json["challenges"]
        wanted = [type_] if type_ else [HTTP_01, DNS_01]
        return next(str(one["url"]) for kind in wanted for one in found if one["type"] == kind)

    async def authorize(self, order: Answer) -> None:
        """Answer one challenge of every pending authorization of an order, and have them looked at."""
        for number, url in enumerate(order.json["authorizations"]):
            if (await self.post(url)).json["status"] == "pending":
                await self.post(await self.challenge(order, number), {})
        await self.house.validator.turn()

    async def finalize(self, order: Answer, request: bytes | None = None) -> Answer:
        der = request or csr_for(*(one["value"] for one in order.json["identifiers"]))
        return await self.post(order.json["finalize"], {"csr": base64url(der)})

    async def certificate(self, *values: str, key: csr.Key | None = None) -> x509.Certificate:
        """Order, finalize and fetch; the names must be vetted."""
        order = await self.order(*values)
        answer = await self.finalize(order, csr_for(*values, key=key))
        assert answer.status == 200, answer
        chain = await self.post(answer.json["certificate"])
        return x509.load_pem_x509_certificates(chain.body)[0]

    async def revoke(self, der: bytes, *, reason: int | None = None, by_key: bool = False) -> Answer:
        payload: dict[str, Any] = {"certificate": base64url(der)}
        if reason is not None:
            payload["reason"] = reason
        return await self.post(LINKS.to(Resource.REVOKE_CERT), payload, by_key=by_key)


def kind_of(value: str) -> str:
    return "ip" if ":" in value or value.replace(".", "").isdigit() else "dns"


def csr_for(*values: str, key: csr.Key | None = None, common_name: str | None = None) -> bytes:
    """A request for these names, as certbot sends it: with an empty subject."""
    san = [
        x509.IPAddress(ipaddress.ip_address(value)) if kind_of(value) == "ip" else x509.DNSName(value)
        for value in values
    ]
    return csr.csr(key, subject=f"CN={common_name}" if common_name else "", san=san)


@asynccontextmanager
async def acme_house(
    folder: Path,
    options: AcmeOptions | None = None,
    profiles: Mapping[str, Profile] = BUILT_IN,
    limits: LimitOptions | None = None,
    *,
    agreement: Agreement | None = None,
    caa: tuple[str, ...] = (),
    store: str = stores.WANTED,
    kinds: Kinds = PRESETS,
) -> AsyncIterator[AcmeHouse]:
    """Build it.

    Args:
        store: as `core` takes it.
        caa: by which names CAA records mean this CA; none: nobody asks for them.
    """
    async with core(folder, profiles, store=store, kinds=kinds) as strongroom:
        probes, woken = StagedProbes(), list[None]()
        limits = limits or LimitOptions()
        counted = Limits(limits)
        outcomes = Outcomes(counted, paused_after=limits.paused_after_failures)
        permission = (
            Permission(strongroom.database, strongroom.clock, probes, LINKS, caa, limits=counted) if caa else None
        )
        services = AcmeServices(
            database=strongroom.database,
            clock=strongroom.clock,
            sign_in=strongroom.sign_in,
            enrollment=strongroom.enrollment,
            revocations=strongroom.revocations,
            nonces=OwnSpending(strongroom.clock, Nonces(bytes(32))),
            limits=counted,
            links=LINKS,
            agreements=agreements_of(strongroom, agreement),
            options=options or AcmeOptions(),
            chains_pem=lambda _: [strongroom.issuing_pem],
            wake=lambda: woken.append(None),
            permission=permission,
        )
        yield AcmeHouse(
            core=strongroom,
            probes=probes,
            services=services,
            dialogue=AcmeDialogue(services),
            validator=Validator(
                strongroom.database, strongroom.clock, probes, outcomes, LINKS, permission=permission, issuers=caa
            ),
            outcomes=outcomes,
            woken=woken,
        )


def agreements_of(strongroom: Core, current: Agreement | None) -> Agreements:
    """What a start with this agreement makes."""
    keeper = SecretKeeper(bytes(32))
    return Agreements(strongroom.database, strongroom.clock, LINKS, current, Invitations(keeper.link_mac))


def close_primes_signer() -> Signer:
    """A 2048-bit key that anybody can factor, and that signs all the same."""
    weak = weak_keys.close_primes()
    p, q, n, e = weak.p, weak.q, weak.n, weak.e
    d = rsa.rsa_recover_private_exponent(e, p, q)
    crt = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    private = rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(e, n)).private_key()
    return Signer("RS256", private, {"kty": "RSA", "n": jws.number(n), "e": jws.number(e)})


def statuses(answers: Sequence[Answer]) -> list[int]:
    return sorted(answer.status for answer in answers)


def url(order: Answer) -> str:
    return order.header("Location")
