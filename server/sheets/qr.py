"""The QR code of a sheet: an address that opens the portal, or configures a device (docs/decisions/044)."""

from __future__ import annotations

import io
from urllib.parse import quote, urlencode

import segno

from ca_core.registration.sheet import Places, Sheet
from ca_core.secret import Secret

# Whoever reads a code is told which of the eight masks it has. To find the best takes longer than all else of a sheet;
# for what is drawn here, addresses with random text, this one is within 3 per cent of it on average.
_MASK = 7


def link(sheet: Sheet, places: Places) -> Secret | None:
    """What the QR code says; every secret is in the fragment, which no browser sends to a server.

    `PORTAL/#account=A&password=P` where there is an initial password, else `EST#account=A&code=C`, whose part before
    the fragment is the EST address as a device takes it; both are percent-encoded as in a query, blanks as `%20`.
    None where the sheet has neither secret.
    """
    if sheet.initial_password is not None:
        return _with_fragment(places.portal_url, account=sheet.account, password=sheet.initial_password.reveal())
    if sheet.enrollment_code is not None:
        return _with_fragment(places.est_url, account=sheet.account, code=sheet.enrollment_code.reveal())
    return None


def svg(text: Secret) -> str:
    """The QR code as an SVG drawing, with the quiet zone that scanners need; a quarter of it may be stained."""
    drawing = io.BytesIO()
    segno.make_qr(text.reveal(), error="q", mask=_MASK).save(drawing, kind="svg", border=4, xmldecl=False)
    return drawing.getvalue().decode()


def _with_fragment(url: str, **members: str) -> Secret:
    return Secret(f"{url}#{urlencode(members, quote_via=quote)}")
