"""Commands about the CAs: what there is, new ones, and those that another CA certifies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar, get_args

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.clock import rfc3339
from ca_core.errors import Misconfigured
from ca_core.issuance.authorities import ISSUING, TRANSPORT, Standing
from ca_core.issuance.ceremony import KeyKind, ca_name, new_suffix
from ca_core.issuance.elsewhere import Elsewhere
from ca_core.issuance.rotation import NewKey, Rotation
from ca_core.policy.subject import subject_der
from ca_core.store import authorities as table
from ca_core.store.authorities import Row
from server.assembly import Strongroom, strongroom
from server.cli.making import require_serious
from server.cli.shared import Moment, echo_json, in_office, json_option, operator_actor
from server.home import fingerprint, write_trust_anchors
from server.office import Office

T = TypeVar("T")

_KEY_KINDS: tuple[KeyKind, ...] = get_args(KeyKind)
key_option = click.option("--key", type=click.Choice(_KEY_KINDS), help="What kind of key; else as the CA before.")
key_uri_option = click.option(
    "--key-uri", metavar="URI", help="Where its key is, or is to be made, such as pkcs11:token=..."
)
at_option = click.option(
    "--at", type=Moment(), metavar="DATE", help="From when it issues, such as 2027-01-31; else now."
)


@click.group()
def authority() -> None:
    """The certification authorities: show, add, rotate, have certified."""


@authority.command("show")
@json_option
@click.pass_obj
def show_authority(home: Path, *, as_json: bool) -> None:
    """Show every CA, what it does, and where its certificate and CRL are served."""

    async def do(room: Strongroom) -> list[dict[str, object]]:
        async with room.office.database.read() as tx:
            waiting = [row for row in await table.every(tx) if row.certificate is None]
        return [_shown(standing, room) for standing in room.authorities.all()] + list(map(_waiting, waiting))

    rows = _in_strongroom(home, do)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        click.echo("\n".join(f"{label}: {value}" for label, value in row.items()) + "\n")


@authority.command()
@click.argument("line")
@key_option
@key_uri_option
@click.option("--own-root", is_flag=True, help="Make a root for it, of the same kind of key.")
@click.pass_obj
def add(home: Path, line: str, key: KeyKind | None, key_uri: str | None, *, own_root: bool) -> None:
    """Add a LINE of issuing CAs beside the others; profiles choose it by `issuer`."""

    async def do(room: Strongroom) -> None:
        if line == TRANSPORT:
            raise Misconfigured(f"{TRANSPORT} is the line of this server's own certificate; choose another name")
        names = await _rotation(room).add(line, _new_key(room, key, key_uri), own_root=own_root)
        await _announce(room, names)

    _in_strongroom(home, do)


@authority.command()
@click.argument("line", default=ISSUING)
@key_option
@key_uri_option
@at_option
@click.option("--issuing-only", is_flag=True, help="Keep the root: no new root, no cross-certificates.")
@click.pass_obj
def rotate(
    home: Path, line: str, key: KeyKind | None, key_uri: str | None, at: int | None, *, issuing_only: bool
) -> None:
    """Make the next root and issuing CA, cross-certify both roots, and switch; the old CA signs CRLs to its end."""

    async def do(room: Strongroom) -> None:
        begins = room.office.clock.now() if at is None else at
        new_key = _new_key(room, key, key_uri)
        if issuing_only:
            names = await _rotation(room).rotate(line, new_key, at=begins)
        else:
            names = await _rotation(room).rotate_root(line, new_key, at=begins)
        await _announce(room, names)

    _in_strongroom(home, do)


@authority.command()
@click.argument("line", default=ISSUING)
@key_option
@key_uri_option
@click.option("--subject", metavar="DN", help="The CA's name; else one is made.")
@click.option("--withdraw", is_flag=True, help="Give up the request that waits.")
@click.pass_obj
def csr(
    home: Path, line: str, key: KeyKind | None, key_uri: str | None, subject: str | None, *, withdraw: bool
) -> None:
    """Print a request for the next CA of a LINE, for another CA to sign; asked again, it prints the same key's."""
    if withdraw:
        name_given_up = _in_strongroom(home, lambda room: _elsewhere(room).withdraw(line))
        click.echo(f"the request of {name_given_up} is given up")
        return
    name = subject_der(subject) if subject else ca_name(f"Soapstone {line} CA {new_suffix()}", None)

    async def do(room: Strongroom) -> bytes:
        return await _elsewhere(room).request(line, _new_key(room, key, key_uri), subject_der=name)

    request = x509.load_der_x509_csr(_in_strongroom(home, do))
    click.echo(request.public_bytes(Encoding.PEM).decode(), nl=False)


@authority.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@at_option
@click.pass_obj
def import_certificate(home: Path, file: Path, at: int | None) -> None:
    """Take in FILE: the certificate for a request, those above it, and the root last, in PEM."""
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file} holds no certificates in PEM: {error}") from None

    async def do(room: Strongroom) -> None:
        profiles = room.office.profiles.values()
        name = await _elsewhere(room).take(
            certificates, at=room.office.clock.now() if at is None else at, profiles=profiles
        )
        await _announce(room, [name])

    _in_strongroom(home, do)


def _in_strongroom(home: Path, do: Callable[[Strongroom], Awaitable[T]]) -> T:
    async def opened(office: Office) -> T:
        return await do(await strongroom(office))

    return in_office(home, opened)


def _new_key(room: Strongroom, kind: KeyKind | None, uri: str | None) -> NewKey:
    require_serious(kind, room.office.settings)
    return NewKey(kind, uri)


def _rotation(room: Strongroom) -> Rotation:
    return Rotation(room.office.database, room.office.clock, room.succession, actor=operator_actor())


def _elsewhere(room: Strongroom) -> Elsewhere:
    return Elsewhere(room.office.database, room.office.clock, room.succession, actor=operator_actor())


async def _announce(room: Strongroom, names: Sequence[str]) -> None:
    """Publish what the new CAs need, and say what they are."""
    now = room.office.clock.now()
    write_trust_anchors(room.office.home, room.roots())
    await room.publisher.turn()
    for name in names:
        standing = room.authorities.path(name)[0]
        does = "certifies CAs" if standing.is_root else f"issues from {rfc3339(max(now, standing.signs_from))}"
        click.echo(f"{name}: {does}, SHA-256 {fingerprint(standing.certificate.certificate)}")
    click.echo(f"trust anchors are in {room.office.places.ca_bundle}; hand the file out where it changed")


def _shown(standing: Standing, room: Strongroom) -> dict[str, object]:
    certificate = standing.certificate
    return {
        "name": standing.name,
        "line": standing.line,
        "does": _does(standing, room),
        "certified_by": standing.parent,
        "key": standing.key_uri or "elsewhere",
        "subject": certificate.certificate.subject.rfc4514_string(),
        "not_after": rfc3339(certificate.not_after),
        "sha256": fingerprint(certificate.certificate),
        "certificate_url": certificate.ca_url,
        "crl_url": certificate.crl_url if standing.key_uri else None,
    }


def _waiting(row: Row) -> dict[str, object]:
    does = "waits for its certificate" if row.tbs is None else "waits to be signed by the next rotation"
    return {"name": row.name, "line": row.line, "does": does, "key": row.key_uri}


def _does(standing: Standing, room: Strongroom) -> str:
    """What a CA does now, in words."""
    now = room.office.clock.now()
    if not standing.key_uri:
        return "is trusted; its key is elsewhere"
    if standing.trouble:
        return f"cannot be used: {standing.trouble}"
    if not room.authorities.is_publishing(standing, now=now):
        return "nothing any more"
    if standing.signs_from > now:
        return f"issues from {rfc3339(standing.signs_from)}"
    newest = [one for one in room.authorities.all() if one.line == standing.line and one.signs_from <= now][-1]
    if standing.name != newest.name:
        return f"signs CRLs until {rfc3339(standing.last_expiry)}, and some beyond"
    return "certifies CAs" if standing.is_root else "issues"
