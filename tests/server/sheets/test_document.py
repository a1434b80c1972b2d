"""Sheets on paper: what is where, in which language, in which order, and how long it takes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from ca_core.errors import NotPrintable, TooLarge
from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Places
from server.sheets import document, printing
from tests.server.sheets.papers import (
    NOW,
    PLACES,
    WANG,
    device_sheet,
    printed,
    reader,
    secrets_of,
    sheet,
    text_of,
    third_of_page,
)


@pytest.mark.parametrize("language", ["zh-Hant", "en"])
async def test_two_programs_read_every_secret_as_it_was_made(language: str) -> None:
    made = sheet()

    pdf = await printed(made, language=language)

    for text in (text_of(pdf), reader(pdf).pages[0].extract_text()):
        assert [secret for secret in secrets_of(made) if secret not in text.split()] == []


@pytest.mark.parametrize("language", ["zh-Hant", "en"])
async def test_account_and_address_are_outside_and_the_secrets_on_the_inner_fold(language: str) -> None:
    made = sheet(7)

    pdf = await printed(made, language=language)

    outside, inside, below = (third_of_page(pdf, third) for third in (1, 2, 3))
    assert all(word in outside for word in ("acc-0007", "王小明", "臺北市中正區", "7"))
    assert all(secret in inside for secret in secrets_of(made))
    assert all(secret not in outside + below for secret in secrets_of(made))
    assert all(url in below for url in (PLACES.portal_url, PLACES.est_url, PLACES.acme_directory))


async def test_no_identity_number_is_outside_where_a_name_is_known() -> None:
    pdf = await printed(sheet())

    assert "A123456789" not in third_of_page(pdf, 1)
    assert "A123456789-63-YIRU" in third_of_page(pdf, 3)


async def test_without_a_name_the_subject_is_outside() -> None:
    pdf = await printed(sheet(subject="CN=meter-7,O=Fleet,C=TW"), contact=Contact())

    assert "CN=meter-7,O=Fleet,C=TW" in third_of_page(pdf, 1)


async def test_the_registrations_language_comes_first() -> None:
    chinese, english = [third_of_page(await printed(sheet(), language=first), 2) for first in ("zh-Hant", "en")]

    assert chinese.index("初始密碼") < chinese.index("Initial password")
    assert english.index("Initial password") < english.index("初始密碼")


@pytest.mark.parametrize(("language", "tag"), [("zh-Hant", "zh"), ("en", "en")])
async def test_a_sheet_can_be_read_out(language: str, tag: str) -> None:
    pdf = reader(await printed(sheet(3), language=language))

    assert catalog(pdf)["/MarkInfo"]["/Marked"]
    assert str(catalog(pdf)["/Lang"]).startswith(tag)
    assert catalog(pdf)["/ViewerPreferences"]["/DisplayDocTitle"]
    assert pdf.metadata is not None
    assert "No. 3, acc-0003" in str(pdf.metadata.title)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in catalog(pdf)["/Metadata"].get_object().get_data()
    (figure,) = [element for element in structure(pdf) if element.get("/S") == "/Figure"]
    assert "QR code: opens the portal" in figure["/Alt"]


async def test_each_language_is_marked_as_what_it_is() -> None:
    pdf = reader(await printed(sheet()))

    marked = {str(element["/Lang"]) for element in structure(pdf) if "/Lang" in element}
    assert {language.partition("-")[0] for language in marked} >= {"en"}


async def test_many_sheets_are_one_document_in_the_order_given() -> None:
    made = [sheet(number) for number in (3, 1, 2)] + [device_sheet(9)]

    pdf = await document.pdf(
        made, [WANG, Contact(), WANG, Contact()], PLACES, ["zh-Hant", "en", "en", "zh-Hant"], now=NOW
    )

    pages = [page.extract_text() for page in reader(pdf).pages]
    assert len(pages) == len(made)
    for one, page in zip(made, pages, strict=True):
        assert all(secret in page for secret in [one.account, *secrets_of(one)])


async def test_a_sheet_of_a_batch_takes_less_than_20_milliseconds() -> None:
    made = [sheet(number) for number in range(1, 201)]
    await printed(made[0])
    began = time.process_time()

    await printed(*made)

    assert (time.process_time() - began) / len(made) < 0.020


@pytest.mark.parametrize("language", ["zh-Hant", "en"])
async def test_what_is_long_stays_within_its_third(language: str) -> None:
    host = "pki-with-a-long-name." * 11
    places = Places(f"https://{host}/acme", f"https://{host}/est", f"https://{host}/", "/srv/home/" * 20)
    contact = Contact(name="王" * 64, address="\n".join("很長的地址" * 12 for _ in range(8)))
    made = sheet(subject=",".join(f"OU={letter * 64}" for letter in "ABCDEFGH"))

    pdf = await printed(made, contact=contact, places=places, language=language)

    assert len(reader(pdf).pages) == 1
    assert third_of_page(pdf, 1).count("很長的地址") == 96
    assert [secret for secret in secrets_of(made) if secret not in third_of_page(pdf, 2)] == []
    assert "H" * 64 in "".join(third_of_page(pdf, 3).split())


async def test_the_doors_are_answered_while_sheets_are_printed() -> None:
    printing = asyncio.ensure_future(printed(*[sheet(number) for number in range(50)]))
    moments = [time.perf_counter()]
    while not printing.done():
        await asyncio.sleep(0.005)
        moments.append(time.perf_counter())

    longest = max(after - before for before, after in pairwise(moments))
    # Where the printing keeps the loop for itself, one wait is nearly all of it.
    assert longest < (moments[-1] - moments[0]) / 2


async def test_more_sheets_than_memory_is_kept_for_are_refused() -> None:
    with pytest.raises(TooLarge, match="at most 2000 sheets"):
        await printed(*[sheet()] * (document.MOST_SHEETS + 1))


async def test_markup_in_a_name_is_printed_and_not_obeyed() -> None:
    name = '#panic() *x* $y$ <z> @w \\ " // --- `q` [k]'

    outside = third_of_page(await printed(sheet(), contact=Contact(name=name)), 1)

    assert name in outside


async def test_a_character_of_no_font_is_named_and_nothing_is_printed() -> None:
    with pytest.raises(NotPrintable, match=r"no installed font has .* \(U\+10FFFD\)"):
        await printed(sheet(), contact=Contact(name="王\U0010fffd明"))


async def test_no_sheets_are_no_document() -> None:
    with pytest.raises(ValueError, match="at least one"):
        await document.pdf([], [], PLACES, [], now=NOW)


def test_printing_opens_no_file_for_writing_and_starts_no_program(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio\n"
        "from tests.server.sheets.papers import device_sheet, printed, sheet\n"
        "assert asyncio.run(printed(sheet(1), device_sheet(2)))\n"
    )
    trace = tmp_path / "trace"
    calls = "trace=openat,open,creat,memfd_create,mkdir,mkdirat,rename,renameat2,unlink,unlinkat,execve"

    # -P would hide the checkout; the folder of the script must not be the first place to look.
    subprocess.run(
        ["strace", "-f", "-qq", "-o", trace, "-e", calls, ".venv/bin/python", "-B", script],
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": ".", "TMPDIR": str(tmp_path)},
    )

    lines = trace.read_text().splitlines()
    assert sum("execve(" in line for line in lines) == 1
    writing = ("O_WRONLY", "O_RDWR", "O_CREAT", "creat(", "memfd_create", "mkdir", "rename", "unlink")
    assert [line for line in lines if any(word in line for word in writing)] == []


def catalog(pdf: PdfReader) -> Any:
    """The root of a document's objects."""
    return pdf.trailer["/Root"]


def structure(pdf: PdfReader) -> list[Any]:
    """Every element of a document's structure."""

    def below(element: Any) -> Iterator[Any]:
        yield element
        kids = element.get("/K", [])
        for kid in kids if isinstance(kids, list) else [kids]:
            inner = kid.get_object()
            if isinstance(inner, DictionaryObject):
                yield from below(inner)

    return list(below(catalog(pdf)["/StructTreeRoot"]))


@pytest.mark.parametrize("name", ["O\u0358", "\u1d7c"])
async def test_what_the_typesetter_refuses_is_refused_before_a_sheet_is_made(name: str) -> None:
    contact = Contact(name=name)
    try:
        await printed(sheet(), contact=contact)
    except NotPrintable:
        # By the fonts of this machine.
        with pytest.raises(NotPrintable):
            document.require_printable("CN=x", contact)
    else:
        document.require_printable("CN=x", contact)


async def test_others_are_served_while_fonts_are_looked_into() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    before = turns

    with pytest.raises(NotPrintable):
        await printing.require_printable_aside("CN=\U0010fffd", Contact())

    waiting.cancel()
    assert turns > before
