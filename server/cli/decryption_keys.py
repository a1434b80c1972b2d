"""The key under which keys that the server makes travel to a registration."""

from __future__ import annotations

from pathlib import Path

import click

from ca_core.made_keys.decryption import DecryptionKey
from server.cli.shared import echo_json, in_office, json_option, operator_actor
from server.office import Office


@click.command("decryption-key")
@click.argument("account")
@json_option
@click.pass_obj
def decryption_key(home: Path, account: str, *, as_json: bool) -> None:
    """Make a key that ACCOUNT decrypts server-made keys with; it voids the one before.

    AES-256, 64 hex digits; it is shown once. A request to EST's /serverkeygen names it by its identifier.
    """

    async def do(office: Office) -> DecryptionKey:
        return await office.decryption_keys.make(account, actor=operator_actor())

    made = in_office(home, do)
    if as_json:
        echo_json({"account": account, "key_id": made.key_id, "key": made.key.reveal()})
        return
    click.echo(f"key identifier: {made.key_id}\nkey: {made.key.reveal()}")
