"""Taking back certificates that a restored database does not know."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import BadRequest
from ca_core.issuance.adoption import Adoption
from ca_core.store.certificates import Certificate
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.office import Office

_MAX_OCTETS = 1 << 16


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--account", required=True, help="Whose it is.")
@click.option("--profile", required=True, help="The profile that it was issued by.")
@json_option
@click.pass_obj
def adopt(home: Path, file: Path, account: str, profile: str, *, as_json: bool) -> None:
    """Take back the certificate in FILE (PEM or DER), which was issued after the backup that was restored.

    From then on it is like any other: it can be revoked and renewed, and OCSP answers for it.
    """
    der = _read(file)

    async def do(office: Office) -> Certificate:
        adoption = Adoption(office.database, office.clock, office.profiles)
        return await adoption.adopt(der, account=account, profile_name=profile, actor=operator_actor())

    adopted = in_office(home, do)
    if as_json:
        echo_json({"serial": adopted.serial, "account": account, "profile": adopted.profile, "issuer": adopted.issuer})
        return
    click.echo(f"{adopted.serial} belongs to {account} again; to revoke it: soapstone revoke {adopted.serial}")


def _read(file: Path) -> bytes:
    """The first certificate in a file, in DER.

    Raises:
        BadRequest: there is none.
    """
    with file.open("rb") as opened:
        octets = opened.read(_MAX_OCTETS)
    if b"-----BEGIN" not in octets:
        return octets
    try:
        return x509.load_pem_x509_certificates(octets)[0].public_bytes(Encoding.DER)
    except ValueError:
        raise BadRequest(f"{file} holds no certificate in PEM") from None
