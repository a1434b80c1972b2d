"""Revoking many certificates at once."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TextIO

import click
import msgspec

from ca_core import names
from ca_core.clock import rfc3339
from ca_core.errors import NotFound
from ca_core.names import Identifier
from ca_core.revocation import reason as reason_module
from ca_core.revocation.bulk import BulkRevocation
from ca_core.revocation.reason import FINAL_REASONS, Reason
from ca_core.revocation.selector import Selector
from ca_core.store.certificates import Certificate
from server.assembly import Office
from server.cli.certificates import serial_in_hex
from server.cli.revocations import note_option
from server.cli.shared import Moment, echo_json, in_office, json_option, operator_actor

_DIGEST_OCTETS = 32
_SAID_EVERY = 10_000


def _filled(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Refuse a condition that is empty: left out, it would select more than was meant."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; give a value, or leave the option out where it is no condition")
    return value


@click.command("revoke-many")
@click.option("--account", callback=_filled, help="Of this registration.")
@click.option("--profile", callback=_filled, help="Of this profile.")
@click.option("--issuer", callback=_filled, help="Of this issuing CA, as `authority show` names it.")
@click.option(
    "--name", metavar="NAME", callback=_filled, help="With this DNS name, address or mailbox, alone or among others."
)
@click.option("--issued-since", type=Moment(), help="Issued then or later; a date means its first second (UTC).")
@click.option(
    "--issued-until", type=Moment(is_until=True), help="Issued then or earlier; a date means its last second (UTC)."
)
@click.option(
    "--spki",
    metavar="HEX",
    callback=_filled,
    help="With the public key of this SHA-256 (of its SubjectPublicKeyInfo).",
)
@click.option("--serials", metavar="FILE", type=click.File(), help="One of these, one serial a line; - is stdin.")
@click.option("--reason", required=True, help="As in RFC 5280, such as superseded.")
@click.option("--dry-run", is_flag=True, help="Print what would be revoked, and change nothing.")
@click.option("--count", type=int, help="How many there must be, as the dry run said; else nothing is done.")
@click.option("--yes", is_flag=True, help="However many there are.")
@note_option
@json_option
@click.pass_obj
def revoke_many(  # noqa: PLR0917  # click hands options over by name; one each condition
    home: Path,
    account: str | None,
    profile: str | None,
    issuer: str | None,
    name: str | None,
    issued_since: int | None,
    issued_until: int | None,
    spki: str | None,
    serials: TextIO | None,
    reason: str,
    count: int | None,
    note: str,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Revoke every live certificate that meets all conditions; try it with --dry-run first.

    The server's own certificates are left out unless --profile or --serials names them. keyCompromise takes every
    certificate of the same keys along; the dry run shows and counts them.

    A run that was cut off is taken up by the same command: what is revoked already is not found again.
    """
    code = reason_module.parse(reason, allowed=FINAL_REASONS)
    selector = Selector(
        account=account,
        profile=profile,
        issuer=issuer,
        name=_name(name) if name is not None else None,
        issued_since=issued_since,
        issued_until=issued_until,
        spki_sha256=_digest(spki) if spki is not None else None,
        serials=_serials(serials.read()) if serials is not None else frozenset(),
    )
    if not selector.is_narrow:
        raise click.UsageError("give at least one condition, such as --account")
    if dry_run:
        _print_dry_run(in_office(home, lambda office: _dry_run(office, selector, code)), as_json=as_json)
        return
    if count is None and not yes:
        raise click.UsageError("say --dry-run first, then --count N with the number that it printed, or --yes")
    result = in_office(home, lambda office: _run(office, selector, code, expected=count, note=note))
    if as_json:
        echo_json(result)
    else:
        click.echo(f"{result.revoked} are revoked; a running server publishes the CRL within a minute")
        _print_unknown(result.unknown)


class _Row(msgspec.Struct, frozen=True):
    """One certificate that would be revoked; `same_key`: not selected, but its key is compromised with another."""

    serial: str
    account: str | None
    profile: str
    issuer: str
    names: list[str]
    on_hold: bool
    same_key: bool
    issued_at: str
    not_after: str


class _DryRun(msgspec.Struct, frozen=True):
    """What a real run would do."""

    count: int
    certificates: list[_Row]
    unknown: tuple[str, ...]


class _Run(msgspec.Struct, frozen=True):
    """What a run did; `passed_over` were revoked by somebody else meanwhile."""

    revoked: int
    passed_over: int
    unknown: tuple[str, ...]


async def _dry_run(office: Office, selector: Selector, reason: Reason) -> _DryRun:
    found = await _bulk(office).find(await _resolved(office, selector), reason)
    accounts = {registration.id: registration.account for registration in await office.desk.every()}
    rows = [
        _row(certificate, accounts.get(certificate.registration_id), same_key=same_key)
        for certificates, same_key in ((found.certificates, False), (found.along, True))
        for certificate in certificates
    ]
    return _DryRun(len(rows), rows, found.unknown)


async def _run(office: Office, selector: Selector, reason: Reason, *, expected: int | None, note: str) -> _Run:
    bulk, resolved = _bulk(office), await _resolved(office, selector)
    found = await bulk.find(resolved, reason)
    revoked = said = 0
    async for batch in bulk.run(found, resolved, reason, actor=operator_actor(), expected=expected, note=note):
        revoked += batch
        if revoked - said >= _SAID_EVERY:
            said = revoked
            click.echo(f"{revoked} of {found.count} revoked", err=True)
    return _Run(revoked, max(0, found.count - revoked), found.unknown)


def _bulk(office: Office) -> BulkRevocation:
    return BulkRevocation(office.database, office.clock)


async def _resolved(office: Office, selector: Selector) -> Selector:
    if selector.account is None:
        return selector
    registration = await office.desk.show(selector.account)
    return msgspec.structs.replace(selector, registration_id=registration.id)


def _row(certificate: Certificate, account: str | None, *, same_key: bool) -> _Row:
    return _Row(
        serial=certificate.serial,
        account=account,
        profile=certificate.profile,
        issuer=certificate.issuer,
        names=certificate.names.splitlines(),
        on_hold=certificate.is_on_hold,
        same_key=same_key,
        issued_at=rfc3339(certificate.issued_at),
        not_after=rfc3339(certificate.not_after),
    )


def _print_dry_run(result: _DryRun, *, as_json: bool) -> None:
    if as_json:
        echo_json(result)
        return
    for row in result.certificates:
        same_key = "  same key" if row.same_key else ""
        click.echo(f"{row.serial}  {row.account}  {row.profile}  until {row.not_after}{same_key}")
    click.echo(f"{result.count} would be revoked; to do it, say --count {result.count} instead of --dry-run")
    _print_unknown(result.unknown)


def _print_unknown(serials: tuple[str, ...]) -> None:
    for serial in serials:
        click.echo(f"{serial} is no live certificate")


def _name(text: str) -> Identifier:
    if "@" in text:
        return names.email(text)
    try:
        return names.ip(str(ipaddress.ip_address(text)))
    except ValueError:
        return names.dns(text.lower())


def _digest(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_OCTETS:
        raise click.UsageError("--spki takes the 64 hex digits of a SHA-256")
    return digest


def _serials(text: str) -> frozenset[str]:
    serials = frozenset(serial_in_hex(line.strip()) for line in text.splitlines() if line.strip())
    if not serials:
        raise NotFound("the file holds no serial; write one a line, in hex")
    return serials
