"""The password sheet: one numbered hand-over of secrets, as text and as JSON (RULES, S2)."""

from __future__ import annotations

import msgspec

from ca_core.registration.credential import mac_key_text
from ca_core.secret import Secret

_WIDTH = 76


class Places(msgspec.Struct, frozen=True):
    """Where a subscriber finds this server; printed on every sheet.

    Attributes:
        ca_bundle: path of the trust anchor file in PEM.
    """

    acme_directory: str
    est_url: str
    portal_url: str
    ca_bundle: str


class EabKey(msgspec.Struct, frozen=True):
    """An external account binding key as it is handed over (RFC 8555, 7.3.4)."""

    kid: str
    mac_key: Secret


class Sheet(msgspec.Struct, frozen=True):
    """The secrets of one hand-over; they exist in plain only here.

    Attributes:
        number: 1 and up; a higher one voids the lower.
        initial_password, enrollment_code, eab: None where the kind does not use them.
    """

    account: str
    subject: str
    number: int
    initial_password: Secret | None
    enrollment_code: Secret | None
    eab: EabKey | None


class _EabJson(msgspec.Struct):
    kid: str
    hmac_key: str
    alg: str = "HS256"


class _SheetJson(msgspec.Struct):
    account: str
    sheet: int
    initial_password: str | None
    enrollment_code: str | None
    eab: _EabJson | None
    acme_directory: str
    est_url: str
    portal_url: str
    ca_bundle: str


def eab_key(kid: str, mac_key: bytes) -> EabKey:
    """Wrap a fresh MAC key in the text that clients take."""
    return EabKey(kid, Secret(mac_key_text(mac_key)))


def as_json(sheet: Sheet, places: Places) -> bytes:
    """One JSON object (DESIGN, section 6); a secret that the kind does not use is null."""
    return msgspec.json.encode(
        _SheetJson(
            account=sheet.account,
            sheet=sheet.number,
            initial_password=_plain(sheet.initial_password),
            enrollment_code=_plain(sheet.enrollment_code),
            eab=_EabJson(sheet.eab.kid, sheet.eab.mac_key.reveal()) if sheet.eab else None,
            acme_directory=places.acme_directory,
            est_url=places.est_url,
            portal_url=places.portal_url,
            ca_bundle=places.ca_bundle,
        )
    )


def as_text(sheet: Sheet, places: Places) -> str:
    """A page for a terminal or a printer, in Traditional Chinese and English."""
    rows = [
        ("帳號 Account", sheet.account),
        ("主體 Subject", sheet.subject),
        ("初始密碼 Initial password", _plain(sheet.initial_password)),
        ("註冊碼 Enrollment code (EST)", _plain(sheet.enrollment_code)),
        ("EAB KID (ACME)", sheet.eab.kid if sheet.eab else None),
        ("EAB HMAC key (ACME)", sheet.eab.mac_key.reveal() if sheet.eab else None),
        ("ACME directory", places.acme_directory),
        ("EST", places.est_url),
        ("入口網站 Portal", places.portal_url),
        ("信任憑證 Trust anchor", places.ca_bundle),
    ]
    lines = [f"{label}\n    {value}" for label, value in rows if value is not None]
    rule = "=" * _WIDTH
    title = f"密碼單 PASSWORD SHEET No. {sheet.number}"
    warning = "請妥善保管；新密碼單一經製作，本單即失效。\nKeep it safe; a newer sheet voids this one."
    return "\n".join([rule, title, rule, *lines, rule, warning, rule])


def _plain(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None
