"""The QR code of a sheet: its address, drawn (docs/decisions/044)."""

from __future__ import annotations

import io

import segno

from ca_core.secret import Secret

# Whoever reads a code is told which of the eight masks it has. To find the best takes longer than all else of a sheet;
# for what is drawn here, addresses with random text, this one is within 3 per cent of it on average.
_MASK = 7


def svg(text: Secret) -> str:
    """The QR code as an SVG drawing, with the quiet zone that scanners need; a quarter of it may be stained."""
    drawing = io.BytesIO()
    segno.make_qr(text.reveal(), error="q", mask=_MASK).save(drawing, kind="svg", border=4, xmldecl=False)
    return drawing.getvalue().decode()
