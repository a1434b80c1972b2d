"""Who did something, as words: the journal writes it as a code, such as `est:certificate:192.0.2.1`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.web.languages import phrase

PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        "staff.api": phrase("%(role)s %(name)s through the API"),
        "staff.cli": phrase("%(role)s %(name)s on the command line"),
        "server": phrase("the server itself"),
        "through": phrase("%(who)s through %(door)s"),
        "how": phrase("%(who)s %(how)s through %(door)s"),
    }
)
"""How the parts come together."""

PROOFS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "acme-account": (phrase("the subscriber"), ""),
        "enrollment-code": (phrase("the subscriber"), phrase("with an enrollment code")),
        "certificate": (phrase("the subscriber"), phrase("with a certificate")),
        "manufacturer-certificate": (phrase("the device"), phrase("with its manufacturer's certificate")),
        "certificate-key": (phrase("whoever holds the key"), ""),
        "session": (phrase("the subscriber"), ""),
        "password": (phrase("the subscriber"), phrase("with the password")),
        "initial-password": (phrase("the subscriber"), phrase("with the initial password")),
        "passkey": (phrase("the holder of a passkey"), ""),
        "notice-link": (phrase("the subscriber"), phrase("by the link in a mail")),
        "unproven": (phrase("somebody unknown"), ""),
        "refused": (phrase("somebody unknown"), ""),
    }
)
"""Who it is, and by what it was proved, by the middle part of an applicant's name (`ca_core.applicant`)."""

BEHALF = phrase("on the subscriber's behalf")
OFFICE = phrase("the registration authority")
"""Who works there has no name for a subscriber."""
