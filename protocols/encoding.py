"""Base64 as strictly, or as leniently, as each standard says."""

from __future__ import annotations

import base64
import binascii
import re
import string

from ca_core.errors import BadRequest

# The last character of a group of two or three has four or two bits to spare, which are 0 (RFC 4648, 3.5).
_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")
_ALIKE = string.ascii_letters + string.digits
_STANDARD = dict(zip((_ALIKE + "-_").encode(), (_ALIKE + "+/").encode(), strict=True))
# What is not of the alphabet becomes what is of no alphabet, so that one strict decoder sees to all.
_TO_STANDARD = bytes(_STANDARD.get(octet, 0) for octet in range(256))
_PADDING = (b"", b"", b"==", b"=")
_ARMOUR = re.compile(rb"\A\s*-----BEGIN [A-Z0-9 ]{1,64}-----\r?\n(.*?)-----END [A-Z0-9 ]{1,64}-----\s*\Z", re.DOTALL)
_WHITE = b" \t\r\n"
_EXCESS = b"==="
_LINE_COLUMNS = 64


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Decode unpadded base64url and nothing else (RFC 8555, 6.1).

    Raises:
        BadRequest: padding, white space, another alphabet, an impossible length, or last bits that no
            encoder produces: two spellings of one value would let a signed thing be altered unseen.
    """
    over = len(text) % 4
    try:
        octets = binascii.a2b_base64(text.encode("ascii").translate(_TO_STANDARD) + _PADDING[over], strict_mode=True)
    except ValueError:
        raise BadRequest("not unpadded base64url (RFC 8555, 6.1)") from None
    if over and text[-1] not in _LAST[over]:
        raise BadRequest("base64url with stray last bits (RFC 4648, 3.5)")
    return octets


def lenient_base64(body: bytes) -> bytes:
    """Decode an EST body: base64 with white space anywhere and PEM armour tolerated (RFC 8951, 3.1).

    Raises:
        BadRequest: any other character, wrong padding, or bytes after the end.
    """
    armoured = _ARMOUR.match(body)
    text = (armoured[1] if armoured else body).translate(None, _WHITE)
    if text.endswith(_EXCESS) or len(text) % 4:
        # Python before 3.13 takes a `=` behind whole groups, however strict.
        raise BadRequest("the body is not base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise BadRequest("the body is not base64") from None


def wrapped_base64(data: bytes) -> bytes:
    """Encode in lines of 64 columns, each ended by LF: what libest and most decoders read."""
    text = base64.b64encode(data)
    lines = [text[start : start + _LINE_COLUMNS] for start in range(0, len(text), _LINE_COLUMNS)]
    return b"\n".join(lines) + b"\n"


def single_line_base64(data: bytes) -> bytes:
    """Encode in one line with a final LF: what strongSwan 5.9.8 needs."""
    return base64.b64encode(data) + b"\n"
