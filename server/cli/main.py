"""`soapstone`: the command and its groups."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ca_core.errors import SoapstoneError
from server.cli import certificates, operator, registrations, serving


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SOAPSTONE_HOME",
    default=Path("soapstone-home"),
    show_default="./soapstone-home",
    help="The folder with everything that one server is; or set SOAPSTONE_HOME.",
)
@click.version_option(package_name="soapstone")
@click.pass_context
def cli(context: click.Context, home: Path) -> None:
    """An enrollment server: one vetted registration, ACME and EST, one issuing core."""
    context.obj = home


for command in (
    serving.init,
    serving.serve,
    serving.up,
    registrations.register,
    registrations.sheet,
    registrations.registrations,
    registrations.show,
    registrations.suspend,
    registrations.resume,
    registrations.close,
    registrations.renew_registration,
    certificates.certificates,
    certificates.revoke,
    operator.crl,
    operator.authority,
    operator.migrate,
    operator.doctor,
):
    cli.add_command(command)


def main() -> None:
    """Run; a refusal is one line on stderr and exit status 1."""
    try:
        cli()
    except SoapstoneError as error:
        click.echo(f"soapstone: {error}", err=True)
        sys.exit(1)
