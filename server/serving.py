"""Serving: from a home to open doors, and back."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path

from cryptography import x509

from ca_core.applicant import Door
from ca_core.errors import Misconfigured, NotFound
from ca_core.made_keys.desk import KeyDesk
from ca_core.on_file import OnFile
from ca_core.policy.keys import load_checks
from ca_core.staff.reception import Reception
from ca_core.store import work
from protocols.acme.permission import Permission
from protocols.est.dialogue import EstDialogue
from protocols.est.labels import PLAIN
from protocols.est.services import EstServices
from protocols.status.dialogue import RepositoryDialogue
from protocols.status.responding import PATH as OCSP_PATH
from protocols.status.responding import OcspDialogue
from server import agreement, blocklist, exporting, garbage, listeners, manufacturers, notices, workers
from server import settings as settings_module
from server.acme_door import AcmeDoor
from server.api.dialogue import ApiDialogue
from server.api.operation import PREFIX as API
from server.api.operation import Services
from server.assembly import Strongroom, strongroom
from server.cmc_door import full_cmc
from server.desk.entrance import Entrance
from server.desk.routes import desk_dialogue
from server.desk_door import ApiDoor, PagesDoor
from server.desks import approval_desk, issuing_approved, referral_desk, revocation_desk
from server.doorman import Room, capacity
from server.fellows import for_all, require_alike
from server.health import PATH as HEALTH_PATH
from server.health import Health, HealthDialogue
from server.home import sole_server, write_trust_anchors
from server.journaling import begin_journal, end_journal
from server.leaving import Leaving, leave
from server.listeners import Bounds, Listener
from server.manufacturers import Manufacturers
from server.office import Office, office
from server.proxies import Proxies
from server.public_door import public_dialogue
from server.routes import PublicDialogue
from server.settings import Settings
from server.signing_in import signing_in
from server.verifying import Verifier
from server.web.asset_files import AssetFiles
from server.workers import Worker

_LOG = logging.getLogger("soapstone")
_STALE = 120, 60
"""After how many seconds an intention is somebody else's to finish, and how often that is looked for."""
_STALE_AMONG_SERVERS = 10, 2
"""The same where a server may die while others go on: its subscribers wait for no longer than clients do. Longer than
whoever waits at a door waits for a signature; should two sign, the first one that is stored stays."""
_FORGET_SECONDS = 60
_SESSIONS_SECONDS = 600
_SEED_SECONDS = 2
"""How often servers ask whether the seed of their nonces is still there: a crash of the database takes it away."""
_SEQUENCER_SECONDS = 0.5
_END_OF_TIME = 1 << 62
_DESK_SECONDS = 5
_APPROVED_SECONDS = 1
_EXPIRY_SECONDS = 60
_ONCE = 1e9


@asynccontextmanager
async def open_doors(home: Path, *, crew: int = 0) -> AsyncIterator[Office]:
    """Serve a home for the length of the block.

    What a crash left is finished before the first door opens.

    Args:
        crew: how many processes serve it together, under one that holds the home; 0: this one alone.

    Raises:
        Misconfigured: something is not in order, or a port cannot be opened; says which and what to do.
    """
    # Before anything is written: who serves a home that is not there is told how to make one.
    settings_module.load(home)
    with nullcontext() if crew else sole_server(home):
        async with _served(home, crew) as opened:
            yield opened


@asynccontextmanager
async def _served(home: Path, crew: int) -> AsyncIterator[Office]:
    async with office(home) as opened:
        blocked = blocklist.read(opened.settings.keys.blocklist, home)
        room = await strongroom(opened, blocked=blocked)
        room.require_fit()
        await require_alike(opened)
        sequence = await begin_journal(opened, room.gate)
        await opened.counts.open()
        await _require_open_account(opened)
        agreements = await agreement.agreements(opened)
        await _recover(opened, room)
        await room.own_certificate.turn()
        await room.delegates.turn()
        await room.message_signers.turn()
        acme = AcmeDoor(opened, room, agreements)
        validate = Worker("validation", acme.validator().turn, every_seconds=2)
        sequencer = Worker("sequencer", sequence, every_seconds=_SEQUENCER_SECONDS)
        telling = notices.workers(opened)
        leaving = Leaving()
        health = Health(opened.database, opened.clock, room.gate, leaving, can_sign=room.can_sign)
        entering = signing_in(opened, room.sign_in, crew=crew)
        public = public_dialogue(opened, room, acme.dialogue(validate.wake), agreements, entering)
        doors = _listeners(opened, room, public, health)
        bounds = _bounds(opened.settings, len(doors), crew)
        exits = await listeners.listen(opened.settings.listen, doors, bounds, leaving)
        expiry = Worker(
            "acme-expiry", for_all(opened.database, "acme-expiry", acme.expiry().turn), every_seconds=_EXPIRY_SECONDS
        )
        forgetting = Worker(
            "sessions", for_all(opened.database, "sessions", entering.forget), every_seconds=_SESSIONS_SECONDS
        )
        jobs = [validate, sequencer, expiry, forgetting, *telling, *_workers(opened, room, doors, acme.permission)]
        tasks = workers.start(jobs)
        try:
            yield opened
        finally:
            await leave(leaving, exits)
            await workers.stop(tasks)
            await end_journal(opened, sequence)


async def serve(home: Path, ready: Callable[[Office], Awaitable[None]], *, crew: int = 0) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once every door is open.

    Args:
        crew: as `open_doors` takes it; then the end of the standard input is the end, too.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if crew:
        _heed_end(loop, sys.stdin.fileno(), stop)
    async with open_doors(home, crew=crew) as opened:
        await ready(opened)
        loop.call_later(garbage.LOADED_SECONDS, garbage.look_seldom)
        await stop.wait()
        _LOG.info("event=stopping")


def _heed_end(loop: asyncio.AbstractEventLoop, pipe: int, stop: asyncio.Event) -> None:
    """Stop at the end of what can be read from a pipe; nothing is ever written there."""

    def end() -> None:
        # It stays readable: the loop would come back to it for as long as clients are waited for.
        loop.remove_reader(pipe)
        stop.set()

    loop.add_reader(pipe, end)


async def _require_open_account(opened: Office) -> None:
    account = opened.settings.acme.open_account
    try:
        if account:
            await opened.desk.show(account)
    except NotFound:
        raise Misconfigured(f"acme.open_account: there is no account {account}; register it, or change it") from None


async def _recover(opened: Office, room: Strongroom) -> None:
    """Finish what the process before left, where one process serves: then nobody else is at it.

    Of a store that others serve from too, it is left to the workers: what they lease runs out, and an intention that
    nobody has finished for a while is anybody's.
    """
    if opened.database.is_shared:
        return
    async with opened.database.write() as tx:
        await work.release_all(tx, now=opened.clock.now())
    if not room.gate.is_open(opened.clock.now()):
        # What an older database still intended may have been given up since; the worker goes on once it is looked at.
        return
    # All of them, whatever time they bear: the clock that they were made by may have been ahead.
    finished = await room.issuer.recover(opened.profiles, before=_END_OF_TIME)
    if finished:
        _LOG.warning("event=recovered intentions=%d", finished)


def _est(opened: Office, room: Strongroom, makers: Manufacturers) -> EstDialogue:
    offered = [name for name, profile in opened.profiles.items() if Door.EST in profile.doors]
    set_labels = opened.settings.est.labels
    labels = {name: set_labels.get(name, PLAIN) for name in offered}

    def published() -> tuple[x509.Certificate, ...]:
        return room.authorities.published(now=opened.clock.now())

    async def crls() -> list[bytes]:
        found = []
        for ca in room.authorities.publishing(now=opened.clock.now()):
            # A CA that was made a moment ago has published nothing yet.
            with suppress(NotFound):
                found.append((await room.publisher.newest(ca.certificate.name)).der)
        return found

    services = EstServices(
        sign_in=room.sign_in,
        enrollment=room.enrollment,
        ca_certificates=published,
        labels=labels,
        keys=KeyDesk(opened.database, opened.clock, room.enrollment, room.gate),
        decryption_keys=opened.decryption_keys,
        signer_of=room.message_signers.of,
        crls=crls,
        on_file=OnFile(opened.database, opened.clock, room.enrollment),
        help_base=opened.settings.public,
        tells_renewal=opened.settings.est.renewal_info,
        full_cmc=full_cmc(opened, room),
        manufacturers=makers,
    )
    return EstDialogue(services)


def _repository(opened: Office, room: Strongroom) -> RepositoryDialogue:

    def certificates() -> dict[str, bytes]:
        return {ca.name: ca.certificate.der for ca in room.authorities.all()}

    return RepositoryDialogue(room.publisher, opened.clock, certificates, OcspDialogue(room.responder, opened.clock))


def _desk(opened: Office, room: Strongroom, tls: ssl.SSLContext) -> Listener:
    reception = Reception(opened.database, opened.clock, opened.keeper, room.sign_in)
    assets, verifier, entrance = AssetFiles(), Verifier(opened), Entrance(opened, room.sign_in)
    pages = PagesDoor(reception, desk_dialogue(opened, assets, room.chain, verifier, entrance), assets)
    api = ApiDialogue(Services(opened, lambda name: room.chains_pem(name)[0], verifier))
    return Listener(
        "desk",
        opened.settings.port + 2,
        pages,
        tls,
        # None: whose certificate it is that an officer shows is for nobody else to say.
        proxies=Proxies((), tls),
        apart={API: ApiDoor(reception, api, entrance)},
    )


def _bounds(settings: Settings, doors: int, crew: int) -> Bounds:
    """What a listener may take; of a crew, each has its share."""
    limits, shares = settings.limits, max(crew, 1)
    room = Room(
        in_all=capacity(-(-limits.connections // shares), doors),
        per_address=-(-limits.connections_per_address // shares),
    )
    return Bounds(room, limits.arrival_seconds, shares_ports=crew > 0)


def _est_context(room: Strongroom, makers: Manufacturers) -> ssl.SSLContext:
    why_not = exporting.why_not()
    if why_not:
        _LOG.warning("event=no-tls-exporter why=%r: under TLS 1.3 there is no channel binding", why_not)
    return listeners.est_context(room.trust_anchors() + manufacturers.in_pem(makers), exporting=not why_not)


def _listeners(opened: Office, room: Strongroom, public: PublicDialogue, health: Health) -> list[Listener]:
    settings = opened.settings
    makers = manufacturers.read(settings.est.labels, opened.home)
    manufacturers.require_foreign(makers, [one.certificate.certificate for one in room.authorities.all()])
    public_tls, est_tls = listeners.public_context(), _est_context(room, makers)
    desk_tls = listeners.est_context(room.trust_anchors(), exporting=False)
    for context in (public_tls, est_tls, desk_tls):
        room.own_certificate.serve_with(context)
    repository = HealthDialogue(health, _repository(opened, room))
    proxies, est_proxies = Proxies(settings.proxies), Proxies(settings.est.proxies, est_tls)
    return [
        Listener("public", settings.port, public, public_tls, proxies=proxies, apart=public.apart),
        Listener("est", settings.port + 1, _est(opened, room, makers), est_tls, proxies=est_proxies),
        _desk(opened, room, desk_tls),
        Listener("repository", settings.port + 3, repository, counted=(OCSP_PATH, HEALTH_PATH), proxies=proxies),
    ]


def _loading_checks(opened: Office, room: Strongroom) -> Callable[[], Awaitable[None]]:
    """Have the first request find loaded what it needs, without the doors waiting for it; `doctor` says it louder."""

    async def load() -> None:
        await asyncio.to_thread(load_checks)
        try:
            await room.issuer.prepare(opened.profiles.values())
        except Misconfigured as error:
            _LOG.error("event=unsound-profile why=%s", error)  # the operator's settings, not our bug

    return load


def _following_authorities(opened: Office, room: Strongroom, doors: list[Listener]) -> Callable[[], Awaitable[None]]:
    """Follow what commands do to the CAs, and say once what keeps one from being used."""
    told: dict[str, str] = {}

    async def follow() -> None:
        nonlocal told
        known = room.trust_anchors()
        await room.succession.turn()
        # Also at the first turn: a ceremony may have been interrupted before it came to this.
        await asyncio.to_thread(write_trust_anchors, opened.home, room.roots())
        if room.trust_anchors() != known:
            for door in doors:
                if door.tls is not None and door.tls.verify_mode is not ssl.CERT_NONE:
                    # What is known already stays; certificates of the new CAs prove devices from now on.
                    door.tls.load_verify_locations(cadata=room.trust_anchors())
        trouble = {one.name: one.trouble for one in room.authorities.all() if one.trouble}
        for name, why in trouble.items():
            if told.get(name) != why:
                _LOG.error("event=ca-trouble ca=%s why=%r", name, why)
        told = trouble

    return follow


def _workers(opened: Office, room: Strongroom, doors: list[Listener], permission: Permission | None) -> list[Worker]:
    shared = opened.database.is_shared
    stale_seconds, every_seconds = _STALE_AMONG_SERVERS if shared else _STALE

    async def finish_stale_intentions() -> None:
        before = opened.clock.now() - stale_seconds
        if room.gate.is_open(opened.clock.now()):
            await room.issuer.recover(opened.profiles, before=before)

    async def finish_left_intentions() -> None:
        if room.gate.is_open(opened.clock.now()):
            await room.issuer.finish_left(opened.profiles)

    def single(name: str, turn: Callable[[], Awaitable[object]], *, every_seconds: float) -> Worker:
        return Worker(name, for_all(opened.database, name, turn), every_seconds=every_seconds)

    return [
        Worker("checks", _loading_checks(opened, room), every_seconds=_ONCE),
        single("publisher", room.publisher.turn, every_seconds=2),
        Worker("ocsp", room.responder.turn, every_seconds=1),
        Worker("ocsp-responders", room.delegates.turn, every_seconds=5),
        Worker("message-signers", room.message_signers.turn, every_seconds=5),
        Worker("own-certificate", room.own_certificate.turn, every_seconds=5),
        Worker("authorities", _following_authorities(opened, room, doors), every_seconds=5),
        single("revocation-desk", revocation_desk(opened), every_seconds=_DESK_SECONDS),
        single("approvals", approval_desk(opened), every_seconds=_DESK_SECONDS),
        single("repeated-requests", opened.staff.repeats.turn, every_seconds=_EXPIRY_SECONDS),
        single("referral-desk", referral_desk(opened), every_seconds=_DESK_SECONDS),
        Worker("approved", issuing_approved(opened, room, permission), every_seconds=_APPROVED_SECONDS),
        Worker("issuer", finish_left_intentions, every_seconds=2),
        single("recovery", finish_stale_intentions, every_seconds=every_seconds),
        Worker("nonces", opened.counts.open, every_seconds=_SEED_SECONDS),
        single("forgetting", opened.counts.forget, every_seconds=_FORGET_SECONDS),
    ]
