"""The address that a sheet opens the portal with, or configures a device with (docs/decisions/044)."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from ca_core.registration.sheet import Places, Sheet
from ca_core.secret import Secret


def link(sheet: Sheet, places: Places) -> Secret | None:
    """What the QR code says, or is typed; every secret is in the fragment, which no browser sends to a server.

    `PORTAL/#account=A&password=P` where there is an initial password, else `EST#account=A&code=C`, whose part before
    the fragment is the EST address as a device takes it; both are percent-encoded as in a query, blanks as `%20`.
    None where the sheet has neither secret.
    """
    if sheet.initial_password is not None:
        return _with_fragment(places.portal_url, account=sheet.account, password=sheet.initial_password.reveal())
    if sheet.enrollment_code is not None:
        return _with_fragment(places.est_url, account=sheet.account, code=sheet.enrollment_code.reveal())
    return None


def _with_fragment(url: str, **members: str) -> Secret:
    return Secret(f"{url}#{urlencode(members, quote_via=quote)}")
