"""Password sheets as one PDF/UA-1 document, a page each, made in memory and kept nowhere (docs/decisions/044)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from importlib import resources
from unicodedata import east_asian_width

import msgspec
import typst

from ca_core.errors import NotPrintable, TooLarge
from ca_core.registration.contact import Contact
from ca_core.registration.form import LANGUAGES
from ca_core.registration.sheet import Places, Sheet
from server.sheets import addresses, fonts, qr

MOST_SHEETS = 2000
"""In one document: while it is set, each takes 0.6 MB of memory."""

_NOWHERE = Places("", "", "", "")

# What has room at the usual size, in columns of which a Chinese character takes two.
_COLUMNS = 66
_MOST_LINES = 7


class _Row(msgspec.Struct, frozen=True):
    """One line of a sheet; the template knows the words for `what`."""

    what: str
    value: str


class _Code(msgspec.Struct, frozen=True):
    svg: str
    opens: str


class _Letter(msgspec.Struct, frozen=True):
    """What the template prints on one page.

    Attributes:
        is_wide: whether a word in it may be wider than its place.
        is_tall: whether there may be more lines than fit at the usual size.
    """

    language: str
    number: int
    account: str
    subject: str
    address: list[str]
    secrets: list[_Row]
    code: _Code | None
    places: list[_Row]
    steps: list[str]
    is_wide: bool
    is_tall: bool


def require_printable(subject: str, contact: Contact) -> None:
    """Let only a subscriber pass whose sheet can be printed; ask before a sheet is made, for it voids the one before.

    Raises:
        NotPrintable: no installed font has a character of the subject, the name or the address, or has it together with
            what stands beside it.
    """
    texts = [subject, *_address(subject, contact)]
    fonts.require_glyphs(texts)
    # One font may have a letter and another one the mark above it: what comes of that, only the typesetter knows. To
    # ask takes it 20 ms, so that it is asked of such texts alone.
    if not fonts.are_plain(texts):
        _compiled([Sheet("", subject, 1, None, None, None)], [contact], _NOWHERE, [LANGUAGES[0]], 0)


async def pdf(
    sheets: Sequence[Sheet],
    contacts: Sequence[Contact],
    places: Places,
    languages: Sequence[str],
    *,
    now: int,
) -> bytes:
    """Print sheets in the order given, one page each; none is kept anywhere.

    Args:
        contacts, languages: of each sheet; the language (`zh-Hant` or `en`) is the one that comes first on it. The
            subscriber's name and address are outside; without a name, the registered subject.
        now: when the document was made, UTC seconds.

    Raises:
        NotPrintable: no installed font has a character of a name or an address.
        TooLarge: more than `MOST_SHEETS`.
        ValueError: there is no sheet, or not as many contacts or languages.
    """
    if not sheets:
        raise ValueError("a document has at least one sheet")
    if len(sheets) > MOST_SHEETS:
        raise TooLarge(f"one document holds at most {MOST_SHEETS} sheets; print these in several")
    return await asyncio.to_thread(_compiled, sheets, contacts, places, languages, now)


def _compiled(
    sheets: Sequence[Sheet], contacts: Sequence[Contact], places: Places, languages: Sequence[str], now: int
) -> bytes:
    letters = [
        _letter(sheet, contact, places, language)
        for sheet, contact, language in zip(sheets, contacts, languages, strict=True)
    ]
    fonts.require_glyphs(text for letter in letters for text in (letter.subject, *letter.address))
    template = resources.files("server.sheets").joinpath("template.typ").read_bytes()
    try:
        return typst.compile(
            template,
            format="pdf",
            font_paths=fonts.installed(),
            ignore_system_fonts=True,
            sys_inputs={"letters": msgspec.json.encode(letters).decode()},
            pdf_standards=["ua-1"],
            timestamp=now,
        )
    except typst.TypstError as error:
        # Its message names a text and a font, never another part of the sheet. What could be foreseen was.
        what_to_do = "write the name with other characters, or hand the sheet over as text"
        raise NotPrintable(f"the sheet cannot be printed: {error.message}; {what_to_do}") from None


def _letter(sheet: Sheet, contact: Contact, places: Places, language: str) -> _Letter:
    link = addresses.link(sheet, places)
    address, listed = _address(sheet.subject, contact), list(_places(sheet, places))
    below = [sheet.subject, *(row.value for row in listed)]
    return _Letter(
        language=language,
        number=sheet.number,
        account=sheet.account,
        subject=sheet.subject,
        address=address,
        secrets=list(_secrets(sheet)),
        code=_Code(qr.svg(link), "device" if sheet.initial_password is None else "portal") if link else None,
        places=listed,
        steps=list(_steps(sheet)),
        is_wide=any(_lines(word) > 1 for text in (*address, *below) for word in text.split()),
        is_tall=sum(map(_lines, address)) > _MOST_LINES or sum(map(_lines, below)) > _MOST_LINES,
    )


def _lines(text: str) -> int:
    columns = sum(1 if east_asian_width(character) in {"Na", "H", "N"} else 2 for character in text)
    return max(1, -(-columns // _COLUMNS))


def _secrets(sheet: Sheet) -> Iterable[_Row]:
    if sheet.initial_password is not None:
        yield _Row("initial_password", sheet.initial_password.reveal())
    if sheet.enrollment_code is not None:
        yield _Row("enrollment_code", sheet.enrollment_code.reveal())
    if sheet.eab is not None:
        yield _Row("eab_kid", sheet.eab.kid)
        yield _Row("eab_key", sheet.eab.mac_key.reveal())


def _places(sheet: Sheet, places: Places) -> Iterable[_Row]:
    if sheet.initial_password is not None:
        yield _Row("portal", places.portal_url)
    if sheet.enrollment_code is not None:
        yield _Row("est", places.est_url)
    if sheet.eab is not None:
        yield _Row("acme", places.acme_directory)
    yield _Row("trust_anchor", places.ca_bundle)


def _steps(sheet: Sheet) -> Iterable[str]:
    if sheet.initial_password is not None:
        yield "password"
    if sheet.enrollment_code is not None:
        yield "code"
    if sheet.eab is not None:
        yield "eab"
    yield "care"


def _address(subject: str, contact: Contact) -> list[str]:
    """What stands outside, a line each: no more of the subject than is needed, for it may hold an ID number."""
    return [contact.name or subject, *filter(None, map(str.strip, contact.address.splitlines()))]
