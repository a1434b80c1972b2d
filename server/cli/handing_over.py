"""Handing a sheet over: as text, as JSON, or as a PDF to a file that only its owner reads, or to a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ca_core.errors import Misconfigured, SoapstoneError
from ca_core.registration import sheet as sheet_module
from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Sheet
from ca_core.staff.request import Pending
from server.cli.new_files import Put, new_file
from server.cli.shared import echo_json, in_office
from server.office import Office
from server.sheets import printing

_STANDARD_OUTPUT = "-"

pdf_option = click.option(
    "--pdf", metavar="FILE", help="Print the sheet to a new file, or with - to a pipe; nothing else shows its secrets."
)


class Waits(Exception):
    """There is no sheet yet: other officers must agree first."""

    def __init__(self, pending: Pending) -> None:
        super().__init__(f"{pending}; then: soapstone requests collect {pending.number}")
        self.pending = pending


def at_once(outcome: Sheet | Pending) -> Sheet:
    """The sheet, where nobody else has to agree.

    Raises:
        Waits: somebody has to; `hand_over` says it.
    """
    if isinstance(outcome, Pending):
        raise Waits(outcome)
    return outcome


class Addressee:
    """Whose sheet it is: what is printed beside the secrets.

    Args:
        language: `zh-Hant` or `en`, the one that comes first.
    """

    def __init__(self, subject: str, contact: Contact, language: str) -> None:
        self.subject = subject
        self.contact = contact
        self.language = language


async def addressee_of(office: Office, account: str) -> Addressee:
    """Look up whose sheet it is.

    Raises:
        NotFound: no such account.
    """
    registration = await office.desk.show(account)
    return Addressee(registration.subject, registration.contact, registration.language)


def hand_over(
    home: Path,
    addressee: Callable[[Office], Awaitable[Addressee]],
    make: Callable[[Office], Awaitable[Sheet]],
    *,
    pdf: str | None,
    as_json: bool,
) -> None:
    """Make a sheet and hand it over once.

    What could stand against a PDF is looked at first: a sheet that is made has voided the one before.

    Raises:
        Misconfigured: the file is there already or cannot be written.
        NotPrintable: no installed font has a character of the addressee's.
    """
    if pdf is not None and as_json:
        raise click.UsageError("a sheet is handed over once: choose --pdf or --json")

    async def do(office: Office) -> str:
        if pdf is None:
            sheet = await make(office)
            if as_json:
                return sheet_module.as_json(sheet, office.places).decode()
            return sheet_module.as_text(sheet, office.places)
        whose = await addressee(office)
        printing.require_printable(whose.subject, whose.contact)
        with _destination(pdf) as put:
            sheet = await make(office)
            try:
                put(
                    await printing.pdf(
                        [sheet], [whose.contact], office.places, [whose.language], now=office.clock.now()
                    )
                )
            except SoapstoneError as error:
                lost = f"sheet {sheet.number} of {sheet.account} was made, and nobody has it"
                raise Misconfigured(f"{error}; {lost}: soapstone sheet {sheet.account} makes another one") from None
        if pdf == _STANDARD_OUTPUT:
            return ""
        return f"sheet {sheet.number} of {sheet.account} is in {pdf}; print it, then delete it"

    try:
        said = in_office(home, do)
    except Waits as waits:
        if as_json:
            echo_json({"request": waits.pending.number, "needed": waits.pending.needed})
        else:
            click.echo(str(waits))
        return
    if said:
        click.echo(said)


@contextmanager
def _destination(name: str) -> Iterator[Put]:
    """Where the PDF goes: to a file that is new and its owner's alone, or to whom our output is piped."""
    if name != _STANDARD_OUTPUT:
        with new_file(Path(name)) as put:
            yield put
        return
    if sys.stdout.isatty():
        raise click.UsageError("a PDF says nothing on a terminal; name a file, or send it to a program: --pdf - | lpr")
    yield _print


def _print(content: bytes) -> None:
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in it would be tried again at the end, and said a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Misconfigured(f"the PDF reached nobody: {error.strerror}") from None
