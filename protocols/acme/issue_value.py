"""The value of a CAA property that names an issuer (RFC 8659, 4.2); dns-persist-01 borrows its form."""

from __future__ import annotations

import re

import msgspec

_LABEL = r"[A-Za-z0-9](?:-*[A-Za-z0-9])*"
_ISSUER = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PARAMETER = re.compile(rf"({_LABEL})[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)")
_BLANKS = " \t"


class IssueValue(msgspec.Struct, frozen=True):
    """What it says.

    Attributes:
        issuer: a domain name in lower case without a final dot; empty: nobody.
        parameters: tags in lower case with their values, in the order in which they came.
    """

    issuer: str
    parameters: tuple[tuple[str, str], ...] = ()

    def all(self, tag: str) -> tuple[str, ...]:
        """The values of every parameter with this tag."""
        return tuple(value for known, value in self.parameters if known == tag)


def parse(text: str) -> IssueValue | None:
    """Read a value; None when it has another form: a `;` stands between two parameters, and behind none."""
    issuer, *parameters = (part.strip(_BLANKS) for part in text.split(";"))
    if issuer and not _ISSUER.fullmatch(issuer):
        return None
    if parameters == [""]:
        parameters = []
    matched = [_PARAMETER.fullmatch(parameter) for parameter in parameters]
    found = tuple((match[1].lower(), match[2]) for match in matched if match)
    return IssueValue(issuer.lower(), found) if len(found) == len(parameters) else None
