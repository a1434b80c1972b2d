"""Whether the DNS permits a certificate (RFC 8659), by this account and in this way (RFC 8657)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from protocols.acme import issue_value
from protocols.acme.issue_value import IssueValue

_ISSUE = "issue"
_ISSUE_WILD = "issuewild"
# What says nothing about who may issue for a name, or about other certificates than ours: RFC 8659, 4.4; RFC 9495;
# CA/Browser Forum.
_OTHERS = frozenset({"iodef", "issuemail", "issuevmc", "contactemail", "contactphone"})
_ACCOUNT_URI = "accounturi"
_METHODS = "validationmethods"
_LABELS = re.compile(r"[A-Za-z0-9-]+(?:,[A-Za-z0-9-]+)*")


class CaaRecord(msgspec.Struct, frozen=True):
    """One CAA record (RFC 8659, 4.1).

    Attributes:
        tag: in lower case.
    """

    critical: bool
    tag: str
    value: str


class Wish(msgspec.Struct, frozen=True):
    """What is to be issued.

    Attributes:
        identities: the issuer domain names of this CA.
        account_url: of the account that asks.
        method: the type of the challenge that proved the name.
    """

    wildcard: bool
    identities: tuple[str, ...]
    account_url: str
    method: str


def objection(records: Sequence[CaaRecord], wish: Wish) -> str | None:
    """Why the relevant set of records forbids it, as "the CAA records of NAME ..." goes on; None when they permit it.

    Args:
        records: those of the name or of the nearest one above that has some; none permits everybody.
    """
    known = {_ISSUE, _ISSUE_WILD, *_OTHERS}
    if any(record.critical and record.tag not in known for record in records):
        return "have a critical property that this server does not know"
    properties = [record for record in records if record.tag == _ISSUE]
    if wish.wildcard and any(record.tag == _ISSUE_WILD for record in records):
        properties = [record for record in records if record.tag == _ISSUE_WILD]
    if not properties:
        return None
    objections = [_objection(issue_value.parse(record.value), wish) for record in properties]
    # Of several that forbid it, the one that came nearest to permitting it helps most.
    return None if None in objections else _SENTENCES[max(one for one in objections if one is not None)]


_SENTENCES = (
    "do not name this certification authority",
    "permit it for another account only",
    "permit it by other challenges only",
)
_OTHER_ISSUER, _OTHER_ACCOUNT, _OTHER_METHOD = range(3)


def _objection(value: IssueValue | None, wish: Wish) -> int | None:
    # RFC 8659, 4.2: a value of another form names nobody.
    if value is None or value.issuer not in wish.identities:
        return _OTHER_ISSUER
    # RFC 8657, 3 and 4: a parameter that is there twice can be met by nobody.
    if (accounts := value.all(_ACCOUNT_URI)) and accounts != (wish.account_url,):
        return _OTHER_ACCOUNT
    methods = value.all(_METHODS)
    return _OTHER_METHOD if methods and not _is_among(wish.method, methods) else None


def _is_among(method: str, listed: tuple[str, ...]) -> bool:
    # A list of another form than RFC 8657, 4 has it may have meant anything.
    return len(listed) == 1 and bool(_LABELS.fullmatch(listed[0])) and method in listed[0].split(",")
