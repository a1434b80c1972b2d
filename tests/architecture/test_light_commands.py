"""What a command loads before it does anything: no more than it needs, and a list of all commands loads none."""

import subprocess
import sys

import click
import pytest

from server.cli.main import Commands, cli, short_help

SHEETS = {"server.sheets.document", "typst", "segno"}
WEB = {"aiohttp", "babel", "dns", "icalendar", "jinja2", "josepy", "OpenSSL", "webauthn"}
ISSUING = {"asn1crypto", "ca_core.issuance.issuer", "ca_core.signing", "pkilint", "server.assembly"}
GUESSING = {"argon2", "badkeys", "zxcvbn"}
HEAVY = SHEETS | WEB | ISSUING | GUESSING | {"asyncpg", "protocols.cms", "stdnum"}


@pytest.mark.parametrize(
    ("arguments", "kept_away"),
    [
        (["--help"], HEAVY | {"asyncio", "cryptography", "msgspec", "server.cli.registrations", "server.office"}),
        *((["register", *rest], HEAVY) for rest in (["--help"], ["--kind", "device", "--subject", "CN=a,C=TW"])),
        *(([name, "--help"], HEAVY) for name in ("amend", "certificates", "revoke", "requests", "show")),
        (["sheet", "somebody"], HEAVY),
        (["serve", "--help"], SHEETS | {"asyncpg", "badkeys", "icalendar", "pkilint", "stdnum", "zxcvbn"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_loads_no_more_than_it_needs(
    arguments: list[str], kept_away: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    loaded = modules_after(["--home", str(tmp_path_factory.mktemp("home")), *arguments])

    assert kept_away & loaded == set()


@pytest.mark.parametrize("name", Commands.list_commands(cli, click.Context(cli)))
def test_the_list_of_commands_says_of_each_what_it_says_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None

    for limit in range(10, 130):
        assert short_help(name, limit) == command.get_short_help_str(limit)


def modules_after(arguments: list[str]) -> set[str]:
    """Every module that is loaded when a command has run in a process of its own, whatever it ended with."""
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n\\0', *sys.modules))\n"
        "from server.cli.main import main\n"
        "main()\n"
    )
    answer = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    return set(answer.stdout.partition("\0")[2].split())
