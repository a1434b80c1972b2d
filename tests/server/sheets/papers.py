"""Sheets to print, and what can be read from the paper again."""

from __future__ import annotations

import io
import subprocess

from pypdf import PdfReader

from ca_core.registration import credential
from ca_core.registration.contact import Contact
from ca_core.registration.sheet import Places, Sheet, eab_key
from server.sheets import document

NOW = 1_800_000_000
PLACES = Places(
    "https://pki.example:8443/acme/directory",
    "https://pki.example:8444/.well-known/est",
    "https://pki.example:8443/",
    "/srv/home/trust.pem",
)
WANG = Contact(name="王小明", address="100 臺北市中正區\n重慶南路一段122號", identity_number="A123456789")


def sheet(number: int = 1, *, subject: str = "CN=A123456789-63-YIRU,O=範例股份有限公司,C=TW") -> Sheet:
    """A sheet with every secret there is."""
    kid, mac_key = credential.new_kid(), credential.new_mac_key()
    password, code = credential.new_password(), credential.new_enrollment_code()
    return Sheet(f"acc-{number:04d}", subject, number, password, code, eab_key(kid, mac_key))


def device_sheet(number: int = 1) -> Sheet:
    """A sheet without a password."""
    return Sheet(f"dev-{number:04d}", "CN=meter,C=TW", number, None, credential.new_enrollment_code(), None)


def secrets_of(made: Sheet) -> list[str]:
    """Every secret of a sheet in plain."""
    found = [secret.reveal() for secret in (made.initial_password, made.enrollment_code) if secret is not None]
    return found + ([made.eab.kid, made.eab.mac_key.reveal()] if made.eab else [])


async def printed(*sheets: Sheet, contact: Contact = WANG, language: str = "zh-Hant", places: Places = PLACES) -> bytes:
    """One document, with the same addressee on each page."""
    return await document.pdf(sheets, [contact] * len(sheets), places, [language] * len(sheets), now=NOW)


def reader(pdf: bytes) -> PdfReader:
    """What one library reads from it."""
    return PdfReader(io.BytesIO(pdf))


def text_of(pdf: bytes, *options: str) -> str:
    """What another program reads from it."""
    done = subprocess.run(["pdftotext", *options, "-", "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode()


def third_of_page(pdf: bytes, third: int, page: int = 1) -> str:
    """The text in the first, second or third panel of an A4 page, at 72 points to the inch."""
    height = 281
    area = ("-x", "0", "-y", str((third - 1) * height), "-W", "596", "-H", str(height))
    return text_of(pdf, "-r", "72", "-f", str(page), "-l", str(page), *area)
