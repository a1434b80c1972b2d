"""Commands about who works at the registration authority: officers, and the tokens of integrators."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.clock import rfc3339
from ca_core.errors import BadCsr
from ca_core.policy.request import parse
from ca_core.registration.account import MAIN
from ca_core.staff.officer import Officer
from ca_core.staff.role import MAY, Action, Role
from server.cli.officer_certificates import Made, certified, taken_on_and_certified
from server.cli.officer_passkeys import forget_passkeys, passkey_code, passkeys, said, with_code
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.office import Office

_MOST_OCTETS = 1 << 16
_MOST_DAYS = 3_650


def _key_options(command: click.decorators.FC) -> click.decorators.FC:
    file = click.Path(dir_okay=False, path_type=Path)
    command = click.option("--p12", type=file, help="Write key and certificate, for a browser, into FILE.")(command)
    return click.option("--csr", type=file, help="Certify the key of this request (PEM or DER).")(command)


@click.group()
def officer() -> None:
    """Who works at the registration authority, and their certificates."""


@officer.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help="What they are taken on for."
)
@click.option("--realm", default=MAIN, show_default=True, help="Whose registrations they see; * for all.")
@_key_options
@json_option
@click.pass_obj
def add(  # noqa: PLR0917  # click hands options over by name
    home: Path, name: str, role: str, realm: str, csr: Path | None, p12: Path | None, *, as_json: bool
) -> None:
    """Take NAME on, with a certificate for the desk. An integrator needs none: see `token`."""
    _require_one(csr, p12, needed=role != Role.INTEGRATOR)
    request = _read_request(csr) if csr else None

    async def do(office: Office) -> Made:
        def taken_on() -> Awaitable[Officer]:
            return office.staff.officers.add(name, Role(role), realm=realm, actor=operator_actor())

        return await with_code(office, await taken_on_and_certified(office, taken_on, request=request, p12=p12))

    _print_made(in_office(home, do), as_json=as_json)


@officer.command()
@click.argument("name")
@_key_options
@json_option
@click.pass_obj
def certificate(home: Path, name: str, csr: Path | None, p12: Path | None, *, as_json: bool) -> None:
    """Give NAME a further certificate, as for another browser or when one ends."""
    _require_one(csr, p12, needed=True)
    request = _read_request(csr) if csr else None

    async def do(office: Office) -> Made:
        return await certified(office, await office.staff.officers.find(name), request=request, p12=p12)

    _print_made(in_office(home, do), as_json=as_json)


@officer.command("list")
@json_option
@click.pass_obj
def list_officers(home: Path, *, as_json: bool) -> None:
    """List who works here, and who has left."""

    async def do(office: Office) -> list[dict[str, object]]:
        return [_shown(one) for one in await office.staff.officers.every()]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    if not rows:
        click.echo("nobody works here yet; take somebody on with: soapstone officer add NAME --role ROLE --p12 FILE")
    for row in rows:
        left = f"  left {row['ended_at']}" if row["ended_at"] else ""
        click.echo(f"{row['name']}  {row['role']}  {row['realm']}  since {row['created_at']}{left}")


@officer.command()
@click.argument("name")
@click.pass_obj
def end(home: Path, name: str) -> None:
    """Let NAME go: certificates are revoked, tokens open nothing."""
    revoked = in_office(home, lambda office: office.staff.officers.end(name, actor=operator_actor()))
    click.echo(f"{name} has left; revoked: {', '.join(revoked) or 'nothing'}")


officer.add_command(passkeys)
officer.add_command(passkey_code)
officer.add_command(forget_passkeys)


@click.group()
def token() -> None:
    """Bearer tokens of integrators, for the RA's API."""


@token.command("add")
@click.argument("name")
@click.option(
    "--scope",
    multiple=True,
    type=click.Choice(sorted(action.value for action in MAY[Role.INTEGRATOR])),
    help="What it is good for.",
)
@click.option("--days", type=click.IntRange(1, _MOST_DAYS), default=90, show_default=True, help="How long it works.")
@json_option
@click.pass_obj
def add_token(home: Path, name: str, scope: tuple[str, ...], days: int, *, as_json: bool) -> None:
    """Make a token for the integrator NAME, and print it once; without --scope it may do all that an integrator may."""
    wanted = frozenset(map(Action, scope))

    async def do(office: Office) -> tuple[str, str, int]:
        made, text = await office.staff.tokens.add(name, wanted, days=days, actor=operator_actor())
        return made.id, text.reveal(), made.expires_at

    token_id, text, expires_at = in_office(home, do)
    if as_json:
        echo_json({"token_id": token_id, "token": text, "expires_at": rfc3339(expires_at)})
        return
    click.echo(f"token {token_id}, until {rfc3339(expires_at)}:\n{text}")


@token.command("list")
@click.argument("name")
@json_option
@click.pass_obj
def list_tokens(home: Path, name: str, *, as_json: bool) -> None:
    """List the tokens of the integrator NAME."""

    async def do(office: Office) -> list[dict[str, object]]:
        integrator = await office.staff.officers.find(name)
        return [
            {
                "token_id": one.id,
                "scope": sorted(one.scope),
                "created_at": rfc3339(one.created_at),
                "expires_at": rfc3339(one.expires_at),
                "ended_at": None if one.ended_at is None else rfc3339(one.ended_at),
            }
            for one in await office.staff.tokens.of(integrator.registration_id)
        ]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        ended = f"  ended {row['ended_at']}" if row["ended_at"] else ""
        scope = row["scope"] if isinstance(row["scope"], list) else []
        click.echo(f"{row['token_id']}  until {row['expires_at']}{ended}  {' '.join(scope)}")


@token.command("end")
@click.argument("token_id")
@click.pass_obj
def end_token(home: Path, token_id: str) -> None:
    """End the token TOKEN_ID at once."""
    in_office(home, lambda office: office.staff.tokens.end(token_id, actor=operator_actor()))
    click.echo(f"the token {token_id} opens nothing any more")


def _require_one(csr: Path | None, p12: Path | None, *, needed: bool) -> None:
    if csr is not None and p12 is not None:
        raise click.UsageError("--csr certifies a key of the officer's own, --p12 makes one: give one of them")
    if needed and csr is None and p12 is None:
        raise click.UsageError("the desk knows officers by certificate: give --p12 FILE, or --csr FILE")


def _read_request(path: Path) -> bytes:
    """A certification request that could be certified, in DER: nobody is taken on with another one."""
    try:
        octets = path.read_bytes()[:_MOST_OCTETS]
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        is_text = b"-----BEGIN" in octets
        der = x509.load_pem_x509_csr(octets).public_bytes(Encoding.DER) if is_text else octets
    except ValueError:
        raise BadCsr(f"{path} holds no certification request") from None
    parse(der)
    return der


def _print_made(made: Made, *, as_json: bool) -> None:
    if as_json:
        echo_json(made)
        return
    click.echo(f"{made.name} is {made.role} in the realm {made.realm}; to stop them: soapstone suspend {made.account}")
    if made.p12:
        click.echo(f"key and certificate: {made.p12}\npassphrase, shown once: {made.passphrase}")
    if made.passkey_code:
        click.echo(said(made.passkey_code, made.passkey_code_expires_at))
    if made.certificate:
        click.echo(made.certificate)


def _shown(one: Officer) -> dict[str, object]:
    return {
        "name": one.name,
        "role": one.role.value,
        "realm": one.realm,
        "account": one.account,
        "created_at": rfc3339(one.created_at),
        "ended_at": None if one.ended_at is None else rfc3339(one.ended_at),
    }
