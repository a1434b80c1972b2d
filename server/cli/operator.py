"""Commands of the operator: CRLs, the authority, migrations, a check-up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import click

from ca_core.audit.gate import Gate
from ca_core.audit.sequencer import ACKNOWLEDGE
from ca_core.clock import rfc3339
from ca_core.errors import Busy, Misconfigured, NotFound
from ca_core.issuance.authorities import ISSUING
from ca_core.registration.kind import RESERVED
from ca_core.revocation.publisher import Outcome
from ca_core.revocation.shelf import Publication
from ca_core.store import credentials, registrations
from server import agreement, blocklist, exporting, manufacturers, notices
from server import settings as settings_module
from server.assembly import Strongroom, strongroom
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.journaling import checkpoint_path, open_key, open_sequencer
from server.office import Office
from server.probes.resolving import is_answering, is_validating
from server.probes.system import searched
from server.setting_tables import Acme
from server.sign_in_settings import read_blocklist


@click.group()
def crl() -> None:
    """Certificate revocation lists."""


@crl.command()
@json_option
@click.pass_obj
def publish(home: Path, *, as_json: bool) -> None:
    """Sign and publish every CRL now."""

    async def do(office: Office) -> Outcome:
        return await (await strongroom(office)).publisher.publish_what_can_be(actor=operator_actor())

    outcome = in_office(home, do)
    if as_json:
        echo_json(
            [
                {"name": crl.name, "number": crl.number, "next_update": rfc3339(crl.next_update)}
                for crl in outcome.editions
            ]
        )
    else:
        for crl in outcome.editions:
            click.echo(f"{crl.name}: CRL number {crl.number}, next update {rfc3339(crl.next_update)}")
    if outcome.failures:
        reasons = "; ".join(f"{name}: {busy}" for name, busy in outcome.failures.items())
        raise Misconfigured(f"not every CRL was published; connect the tokens, or wait, and run this again. {reasons}")


@click.command()
@click.pass_obj
def doctor(home: Path) -> None:
    """Check settings, secrets, database, keys and chain; say what is wrong and what to do."""
    settings = settings_module.load(home)
    click.echo(f"settings        ok  {home / settings_module.FILE_NAME}")

    async def do(office: Office) -> None:
        await office.database.check()
        click.echo(f"database        ok  {office.settings.store.url}")
        room = await strongroom(office)
        for standing in room.authorities.all():
            if standing.trouble:
                raise Misconfigured(f"the CA {standing.name} cannot be used: {standing.trouble}")
        issuing = room.authorities.current(ISSUING, now=office.clock.now())
        for ca in room.authorities.publishing(now=office.clock.now()):
            _require_key(ca.certificate.name, ca.key.require_ready)
        click.echo(f"keys and chain  ok  until {rfc3339(issuing.certificate.not_after)}")
        await _check_rules(office, room)
        if path := office.settings.keys.blocklist:
            click.echo(f"blocked keys    ok  {len(blocklist.read(path, home))} in {path}")
        _check_makers(office, room)
        if current := agreement.read(office.settings.agreement, home):
            await agreement.require_unchanged(current, office.database)
            click.echo(f"agreement       ok  version {current.version}, SHA-256 {current.sha256}")
        await _check_credential_key(office)
        click.echo("credential key  ok")
        for line in await _name_servers(office.settings.acme):
            click.echo(f"name server     {line}")
        await _tell_notices(office)
        click.echo(f"journal         ok  {await _check_journal(office)}")
        for name in (ca.certificate.name for ca in room.authorities.publishing(now=office.clock.now())):
            published = await _newest(room, name)
            if published.next_update < office.clock.now():
                raise Misconfigured(
                    f"the CRL {name} is overdue since {rfc3339(published.next_update)}; start the server"
                )
            click.echo(f"CRL {name:11} ok  until {rfc3339(published.next_update)}")

    in_office(home, do)
    why_not = exporting.why_not()
    binding = f"without tls-exporter, for TLS 1.3: {why_not}" if why_not else "and, for TLS 1.3, tls-exporter"
    click.echo(f"channel binding ok  tls-unique for TLS 1.2, {binding}")
    click.echo(f"clock           {'can be moved (development)' if settings.development else 'ok'}")


async def _check_rules(office: Office, room: Strongroom) -> None:
    """What may be issued, and to whom."""
    room.require_fit()
    await room.issuer.prepare(office.profiles.values())
    click.echo(f"profiles        ok  {', '.join(office.profiles)}")
    if path := office.settings.passwords.blocklist:
        read_blocklist(path, office.home)
        click.echo(f"passwords       ok  none of those in {path}")
    for line in await _kinds(office):
        click.echo(f"kinds           {line}")


async def _kinds(office: Office) -> list[str]:
    """Who is of a kind that settings do not have any more gets no certificate; all others go on."""
    async with office.database.read() as tx:
        counts = await registrations.kinds(tx)
    lost = [
        f"--  registrations of the kind {name}: {count}, and settings do not have it: they get no certificate; write"
        f" [kinds.{name}] again, or close them"
        for name, count in counts.items()
        if name not in office.kinds and name not in RESERVED
    ]
    return [f"ok  {', '.join(office.kinds)}", *lost]


async def _tell_notices(office: Office) -> None:
    """A mail server may be away for a while, and the home is in order without it: nothing ends here."""
    for line in await notices.report(office):
        click.echo(f"notices         {line}")


def _check_makers(office: Office, room: Strongroom) -> None:
    makers = manufacturers.read(office.settings.est.labels, office.home)
    manufacturers.require_foreign(makers, [one.certificate.certificate for one in room.authorities.all()])
    for label, cas in makers.items():
        click.echo(f"makers' CAs     ok  {len(cas)} for {label}")


async def _check_journal(office: Office) -> str:
    """Chain what waits, and write the checkpoint: whether that works is what a server needs to know."""
    if found := await (await open_sequencer(office, Gate())).advance():
        raise Misconfigured(f"{found}; {ACKNOWLEDGE}")
    key = await open_key(office)
    return f"checkpoint {checkpoint_path(office.home, office.settings)}, key {key.public.fingerprint}"


async def _newest(room: Strongroom, name: str) -> Publication:
    try:
        return await room.publisher.newest(name)
    except NotFound:
        raise Misconfigured(f"the CRL {name} is not published yet; start the server, or wait half a minute") from None


async def _name_servers(acme: Acme) -> list[str]:
    """What each says. A silent one may be on its way, and the home is in order without it: nothing ends here."""
    zones = {"": acme.resolvers, **acme.zone_resolvers}
    asked = [(zone, server) for zone, servers in zones.items() for server in servers]
    answers = await asyncio.gather(*(is_answering(server, zone) for zone, server in asked))
    lines = []
    for (zone, server), is_there in zip(asked, answers, strict=True):
        key = f'acme.zone_resolvers."{zone}"' if zone else "acme.resolvers"
        silent = f"--  {server} does not answer: challenges fail until it does, or until {key} names another one"
        lines.append(f"ok  {server}" if is_there else silent)
    if not acme.resolvers and (domains := searched()):
        lines.append(
            f"--  a name that is not there is looked for below {', '.join(domains)} by this machine: it could be proved"
            " by a host of that other name; name acme.resolvers"
        )
    return [*lines, *await _untrusted_for_caa(acme)]


async def _untrusted_for_caa(acme: Acme) -> list[str]:
    """RFC 8657, 5.6 wants CAA looked up through a resolver that validates; those of inner zones may have no roots."""
    if not acme.caa:
        return []
    if not acme.resolvers:
        return ["--  acme.caa without acme.resolvers asks the system's, which may not validate DNSSEC (RFC 8657, 5.6)"]
    validating = await asyncio.gather(*map(is_validating, acme.resolvers))
    return [
        f"--  {server} does not say that it validates DNSSEC, as acme.caa wants it to (RFC 8657, 5.6)"
        for server, is_one in zip(acme.resolvers, validating, strict=True)
        if not is_one
    ]


async def _check_credential_key(office: Office) -> None:
    """Open one sealed secret, if there is any: the key file may be another home's."""
    async with office.database.read() as tx:
        credential = await credentials.any_eab_key(tx)
    if credential is not None:
        office.keeper.opened(credential.kid or "", credential.secret)


def _require_key(name: str, require_ready: Callable[[], None]) -> None:
    """A token that is away is no error to a server, which waits for it; to who asks it is."""
    try:
        require_ready()
    except Busy:
        raise Misconfigured(
            f"the key of the CA {name} cannot be used now: connect its token; the log says why"
        ) from None
