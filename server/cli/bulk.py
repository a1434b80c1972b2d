"""Revoking many certificates at once."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click
import msgspec

from ca_core.clock import rfc3339
from ca_core.revocation import reason as reason_module
from ca_core.revocation.bulk import BulkRevocation
from ca_core.revocation.reason import FINAL_REASONS, Reason
from ca_core.revocation.selector import Selector
from ca_core.store.certificates import Certificate
from server.cli.revocations import note_option
from server.cli.selecting import Conditions, resolved, selecting, selector_from
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.office import Office

_SAID_EVERY = 10_000


@click.command("revoke-many")
@selecting
@click.option("--reason", required=True, help="As in RFC 5280, such as superseded.")
@click.option("--dry-run", is_flag=True, help="Print what would be revoked, and change nothing.")
@click.option("--count", type=int, help="How many there must be, as the dry run said; else nothing is done.")
@click.option("--yes", is_flag=True, help="However many there are.")
@note_option
@json_option
@click.pass_obj
def revoke_many(
    home: Path,
    reason: str,
    count: int | None,
    note: str,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **conditions: Unpack[Conditions],
) -> None:
    """Revoke every live certificate that meets all conditions; try it with --dry-run first.

    The server's own certificates are left out unless --profile or --serials names them. keyCompromise takes every
    certificate of the same keys along; the dry run shows and counts them.

    A run that was cut off is taken up by the same command: what is revoked already is not found again.
    """
    code = reason_module.parse(reason, allowed=FINAL_REASONS)
    selector = selector_from(conditions)
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
    found = await _bulk(office).find(await resolved(office, selector), reason)
    accounts = {registration.id: registration.account for registration in await office.desk.every()}
    rows = [
        _row(certificate, accounts.get(certificate.registration_id), same_key=same_key)
        for certificates, same_key in ((found.certificates, False), (found.along, True))
        for certificate in certificates
    ]
    return _DryRun(len(rows), rows, found.unknown)


async def _run(office: Office, selector: Selector, reason: Reason, *, expected: int | None, note: str) -> _Run:
    bulk, wanted = _bulk(office), await resolved(office, selector)
    found = await bulk.find(wanted, reason)
    revoked = said = 0
    async for batch in bulk.run(found, wanted, reason, actor=operator_actor(), expected=expected, note=note):
        revoked += batch
        if revoked - said >= _SAID_EVERY:
            said = revoked
            click.echo(f"{revoked} of {found.count} revoked", err=True)
    return _Run(revoked, max(0, found.count - revoked), found.unknown)


def _bulk(office: Office) -> BulkRevocation:
    return BulkRevocation(office.database, office.clock)


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
