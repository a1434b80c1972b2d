"""`soapstone`: the command and its groups."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import NoReturn

import click

from ca_core.errors import SoapstoneError

_COMMANDS = {
    "init": "making",
    "serve": "serving",
    "up": "serving",
    "register": "registrations",
    "sheet": "registrations",
    "registrations": "registrations",
    "show": "registrations",
    "suspend": "registrations",
    "resume": "registrations",
    "close": "registrations",
    "amend": "changing",
    "renew-registration": "changing",
    "activate": "changing",
    "import": "importing",
    "eab": "eab",
    "decryption-key": "decryption_keys",
    "certificates": "certificates",
    "adopt": "adoption",
    "revoke": "revocations",
    "release": "revocations",
    "revoke-many": "bulk",
    "recall": "recall",
    "requests": "requests",
    "officer": "officers",
    "token": "officers",
    "explain": "explain",
    "paused": "pauses",
    "unpause": "pauses",
    "crl": "operator",
    "authority": "authority",
    "migrate": "moving",
    "doctor": "operator",
    "journal": "journal",
    "backup": "backup",
    "restore": "backup",
    "join": "joining",
}
"""Each command and the module that it lives in."""


class Commands(click.Group):
    """Loads a command's module when it is called: registering needs no web server."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Name all commands, those of one group together."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Load one command."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"server.cli.{_COMMANDS[cmd_name]}")
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, f"{name}_" if iskeyword(name) else name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


def main() -> None:
    """Run; whatever stands against it is one line on stderr and a status that is not 0."""
    # What a home holds is its owner's alone; the files that are for everybody say so.
    os.umask(0o077)
    try:
        sys.exit(cli(standalone_mode=False))
    except click.Abort:
        _end("interrupted", 130)
    except click.ClickException as error:
        _end(" ".join(error.format_message().split()), error.exit_code)
    except SoapstoneError as error:
        _end(str(error), 1)
    except UnicodeEncodeError as error:
        # A shell hands any octets over, and nothing that is stored is named by what is no text.
        _end(f"{error.object[:64]!r} is not text in UTF-8", 1)


def _end(sentence: str, status: int) -> NoReturn:
    click.echo(f"soapstone: {sentence}", err=True)
    sys.exit(status)
