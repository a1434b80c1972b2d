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

DEFAULT_HOME = Path("soapstone-home")
_COMMANDS = {
    "init": ("making", "Make a home: settings, CA, TLS certificate, database."),
    "serve": ("serving", "Serve in the foreground until SIGTERM."),
    "up": ("serving", "Make a home if there is none, serve it, and show a first certificate."),
    "register": ("registrations", "Register a vetted subscriber and print the password sheet."),
    "sheet": ("registrations", "Make a new sheet for ACCOUNT; it voids the one before at once."),
    "registrations": ("registrations", "List all registrations."),
    "show": ("registrations", "Show the registration of ACCOUNT."),
    "suspend": ("registrations", "Stop ACCOUNT on every door at once."),
    "resume": ("registrations", "Let a suspended ACCOUNT go on."),
    "close": ("registrations", "Close ACCOUNT for good; its certificates stay until revoked."),
    "amend": ("changing", "Change what is registered of ACCOUNT; what is not given stays."),
    "renew-registration": ("changing", "Renew the vetting of ACCOUNT, and print a new sheet."),
    "activate": ("changing", "Activate the newest sheet of ACCOUNT, where its kind needs it."),
    "import": ("importing", "Register every line of FILE.csv or FILE.jsonl."),
    "eab": ("eab", "EAB keys: more of them, limited, rotated, revoked."),
    "code": ("code", "Enrollment codes: more of them, limited, revoked."),
    "decryption-key": (
        "decryption_keys",
        "Make a key that ACCOUNT decrypts server-made keys with; it voids the one before.",
    ),
    "certificates": ("certificates", "List issued certificates."),
    "adopt": (
        "adoption",
        "Take back the certificate in FILE (PEM or DER), which was issued after the backup that was restored.",
    ),
    "revoke": ("revocations", "Revoke the certificate with this SERIAL (hex); the CRL follows within a minute."),
    "release": ("revocations", "Let the certificate with this SERIAL come back from hold."),
    "revoke-many": ("bulk", "Revoke every live certificate that meets all conditions; try it with --dry-run first."),
    "recall": ("recall", "Have every live certificate that meets all conditions replaced now, before it is revoked."),
    "requests": ("requests", "List, approve or reject what waits for an officer."),
    "officer": ("officers", "Who works at the registration authority, and their certificates."),
    "token": ("officers", "Bearer tokens of integrators, for the RA's API."),
    "explain": ("explain", "Say why an order of ACCOUNT for NAME would be granted, challenged or refused."),
    "paused": ("pauses", "List the names that are paused because their challenges only fail."),
    "unpause": ("pauses", "Let ACCOUNT order a paused NAME again."),
    "crl": ("operator", "Certificate revocation lists."),
    "authority": ("authority", "The certification authorities: show, add, rotate, have certified."),
    "migrate": ("moving", "Bring the database's schema up to date (`serve` does it too), or move it."),
    "doctor": ("operator", "Check settings, secrets, database, keys and chain; say what is wrong and what to do."),
    "journal": ("journal", "The journal: proving it and reading it."),
    "backup": ("backup", "Write the whole home to FILE while the server goes on; it holds keys and their passphrase."),
    "restore": ("backup", "Make a home from FILE, or go on after an older database was put back."),
    "join": (
        "joining",
        "Make the home of another server of the same store from FILE, which backup --for-another-server wrote.",
    ),
}
"""Each command: the module that it lives in, and the first sentence of its help, so that a list of all loads none."""

_BESIDE_HELP = 6
"""Columns around a name in a list of commands."""


class Commands(click.Group):
    """Loads a command's module when it is called: registering needs no web server."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Name all commands, those of one group together."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Load one command."""
        if cmd_name not in _COMMANDS:
            return None
        place, _ = _COMMANDS[cmd_name]
        module = import_module(f"server.cli.{place}")
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, f"{name}_" if iskeyword(name) else name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of all commands as click does."""
        names = self.list_commands(ctx)
        limit = formatter.width - _BESIDE_HELP - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help(name, limit)) for name in names])


def short_help(name: str, limit: int) -> str:
    """What a list of commands says of one, in at most `limit` characters."""
    _, sentence = _COMMANDS[name]
    return click.Command(name, help=sentence).get_short_help_str(limit)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SOAPSTONE_HOME",
    default=DEFAULT_HOME,
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
