"""Commands about EAB keys beside those of sheets: more of them, rotated, limited, revoked."""

from __future__ import annotations

from pathlib import Path

import click

from ca_core.clock import rfc3339
from ca_core.registration.credential import Credential
from ca_core.registration.eab_desk import EabForm
from ca_core.registration.sheet import EabKey
from protocols.acme.links import Links, Resource
from protocols.acme.objects import Account
from protocols.acme.records import accounts as account_records
from server.cli.form_options import Uses
from server.cli.shared import Moment, echo_json, in_office, json_option, operator_actor
from server.office import Office

_HOUR_SECONDS = 3600
_LONGEST_OVERLAP_HOURS = 366 * 24


@click.group()
def eab() -> None:
    """EAB keys: more of them, limited, rotated, revoked."""


@eab.command("list")
@click.argument("account")
@json_option
@click.pass_obj
def list_keys(home: Path, account: str, *, as_json: bool) -> None:
    """List the EAB keys of ACCOUNT, those of earlier sheets too."""

    async def do(office: Office) -> list[dict[str, object]]:
        found = await office.eab_desk.of_account(account)
        return [_shown(key, await _count_bound_by(office, key), office.clock.now()) for key in found]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    if not rows:
        click.echo(f"{account} has no EAB key; make one with: soapstone eab add {account}")
    for row in rows:
        uses = "unlimited" if row["uses_left"] is None else row["uses_left"]
        click.echo(
            f"{row['kid']}  {row['status']}  sheet {row['sheet']}  uses left {uses}  until {row['expires_at']}"
            f"  accounts {row['accounts']}{_limits(row)}"
        )


@eab.command()
@click.argument("account")
@click.option(
    "--uses", type=Uses(), metavar="N|unlimited", help="How many accounts it may bind; as on the sheet when left out."
)
@click.option("--expires", type=Moment(is_until=True), help="Its last day; as long as a sheet when left out.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="From where it may be used; repeatable.")
@click.option("--profile", "profiles", multiple=True, help="What its accounts may order; repeatable.")
@click.option("--name", "names", multiple=True, help="For which names; .example.com: all below it; repeatable.")
@json_option
@click.pass_obj
def add(  # noqa: PLR0917  # click hands options over by name
    home: Path,
    account: str,
    uses: str | int | None,
    expires: int | None,
    networks: tuple[str, ...],
    profiles: tuple[str, ...],
    names: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Make a further EAB key for ACCOUNT, and print it once; a new sheet voids it."""

    async def do(office: Office) -> tuple[Credential, EabKey, str]:
        counted = (await office.desk.show(account)).eab_uses if uses is None else uses
        limit = counted if isinstance(counted, int) else None
        form = EabForm(limit, expires, networks, profiles, names)
        made, key = await office.eab_desk.add(account, form, actor=operator_actor())
        return made, key, office.places.acme_directory

    made, key, directory = in_office(home, do)
    _print_key(made, key, directory, as_json=as_json)


@eab.command()
@click.argument("kid")
@click.option(
    "--overlap",
    type=click.IntRange(0, _LONGEST_OVERLAP_HOURS),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long the old key works on.",
)
@click.option("--expires", type=Moment(is_until=True), help="The new key's last day; that of the old when left out.")
@json_option
@click.pass_obj
def rotate(home: Path, kid: str, overlap: int, expires: int | None, *, as_json: bool) -> None:
    """Make a successor of the key KID with the same limits, and print it once."""

    async def do(office: Office) -> tuple[Credential, Credential, EabKey, str]:
        old, new, key = await office.eab_desk.rotate(
            kid, overlap_seconds=overlap * _HOUR_SECONDS, expires_at=expires, actor=operator_actor()
        )
        return old, new, key, office.places.acme_directory

    old, new, key, directory = in_office(home, do)
    _print_key(new, key, directory, as_json=as_json)
    if not as_json:
        click.echo(f"{kid} works until {rfc3339(old.expires_at)}; the accounts that it bound stay")


@eab.command()
@click.argument("kid")
@click.pass_obj
def revoke(home: Path, kid: str) -> None:
    """Stop the key KID and, at once, every account that it bound."""

    async def do(office: Office) -> int:
        await office.eab_desk.revoke(kid, actor=operator_actor())
        return await _count_bound_by(office, await office.eab_desk.find(kid))

    stopped = in_office(home, do)
    click.echo(f"{kid} is revoked, and {stopped} accounts with it; let them go on with: soapstone eab restore {kid}")


@eab.command()
@click.argument("kid")
@click.pass_obj
def restore(home: Path, kid: str) -> None:
    """Take the revocation of the key KID back; the accounts that it bound go on."""
    in_office(home, lambda office: office.eab_desk.restore(kid, actor=operator_actor()))
    click.echo(f"{kid} is restored, and the accounts that it bound go on")


@eab.command()
@click.argument("kid")
@json_option
@click.pass_obj
def accounts(home: Path, kid: str, *, as_json: bool) -> None:
    """List the ACME accounts that the key KID bound."""

    async def do(office: Office) -> list[dict[str, object]]:
        key = await office.eab_desk.find(kid)
        async with office.database.read() as tx:
            bound = await account_records.bound_by(tx, key.id)
        return [_shown_account(account, office) for account in bound]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    if not rows:
        click.echo(f"{kid} has bound no account")
    for row in rows:
        click.echo(f"{row['url']}  {row['status']}  since {row['created_at']}")


async def _count_bound_by(office: Office, key: Credential) -> int:
    # One key of a hosting panel may have bound a hundred thousand.
    async with office.database.read() as tx:
        return await account_records.count_bound_by(tx, key.id)


def _shown(key: Credential, bound: int, now: int) -> dict[str, object]:
    return {
        "kid": key.kid,
        "status": _status(key, now),
        "sheet": key.sheet,
        "uses_left": key.uses_left,
        "expires_at": rfc3339(key.expires_at),
        "networks": list(key.networks),
        "profiles": list(key.profiles),
        "names": list(key.names),
        "successor": key.successor,
        "accounts": bound,
    }


def _status(key: Credential, now: int) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.voided_at is not None:
        return "void"
    if key.uses_left == 0:
        return "spent"
    return "expired" if now > key.expires_at else "active"


def _limits(row: dict[str, object]) -> str:
    """The limits that a key has, for one line."""
    found = []
    for label in ("networks", "profiles", "names"):
        value = row[label]
        if isinstance(value, list) and value:
            found.append(f"  {label} {', '.join(value)}")
    return "".join(found) + (f"  rotated to {row['successor']}" if row["successor"] else "")


def _shown_account(account: Account, office: Office) -> dict[str, object]:
    return {
        "account": account.id,
        "url": Links(office.settings.public).to(Resource.ACCOUNT, account.id),
        "status": "suspended" if account.is_bond_revoked else account.status.value,
        "contact": list(account.contacts),
        "thumbprint": account.thumbprint,
        "agreement": account.accepted.version if account.accepted else None,
        "created_at": rfc3339(account.created_at),
    }


def _print_key(made: Credential, key: EabKey, directory: str, *, as_json: bool) -> None:
    if as_json:
        echo_json(
            {
                "kid": key.kid,
                "hmac_key": key.mac_key.reveal(),
                "alg": "HS256",
                "acme_directory": directory,
                "sheet": made.sheet,
                "uses_left": made.uses_left,
                "expires_at": rfc3339(made.expires_at),
                "networks": list(made.networks),
                "profiles": list(made.profiles),
                "names": list(made.names),
            }
        )
        return
    click.echo(f"EAB KID: {key.kid}\nEAB HMAC key: {key.mac_key.reveal()}\nACME directory: {directory}")
    click.echo("it is shown once; it is for whoever makes the accounts")
