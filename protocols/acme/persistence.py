"""dns-persist-01: a TXT record that stays and names an account (draft-ietf-acme-dns-persist-02)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

import msgspec

from protocols.acme import issue_value
from protocols.acme.issue_value import IssueValue
from protocols.encoding import base64url

MOST_ISSUERS = 10
"""Section 3.1."""

_ALGORITHM = "sha-256"
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")
_SECONDS = re.compile(r"[0-9]{1,18}")
_ANY_DOMAIN = "*"
"""An account that does not mind being seen to hold several domains leaves the domain out (section 4.1)."""
_ACCOUNT_URI, _POLICY, _PERSIST_UNTIL = "accounturi", "policy", "persistuntil"
_WILDCARD = "wildcard"


class Expected(msgspec.Struct, frozen=True):
    """What a record must say.

    Attributes:
        issuers: one of these issuer domain names.
        prefix: under which the hashes of our accounts are.
        account_uris: one of these, whole.
        wildcard: whether it must be good for a wildcard, too.
        now: UTC seconds.
    """

    issuers: tuple[str, ...]
    prefix: str
    account_uris: frozenset[str]
    wildcard: bool
    now: int


class Verdict(msgspec.Struct, frozen=True):
    """What the records are worth.

    Attributes:
        problem: ACME error type without its URN prefix; empty when they prove.
        detail: one sentence for the user.
        good_until: what proves is not to be relied on after this, UTC seconds; None: the record does not say.
    """

    problem: str = ""
    detail: str = ""
    good_until: int | None = None


class _Rejected(Exception):
    """A record that names us and does not do; carries the ACME error type."""

    def __init__(self, problem: str, why: str) -> None:
        super().__init__(why)
        self.problem = problem


def account_uri(prefix: str, domain: str, thumbprint: str, account_url: str) -> str:
    """The hashed URI of an account (section 4.1).

    Args:
        domain: in lower case without a final dot, or `*`.
        thumbprint: of a key of the account (RFC 7638), in base64url.
    """
    octets = bytes([len(domain)]) + f"{domain}{thumbprint}{account_url}".encode("ascii")
    return f"{prefix}{_ALGORITHM}/{base64url(hashlib.sha256(octets).digest())}"


def account_uris(prefix: str, domain: str, thumbprints: Iterable[str], account_url: str) -> frozenset[str]:
    """Every hashed URI that means an account for a domain.

    Args:
        thumbprints: of all keys that the account has had: a record from before a key change goes on being good.
    """
    return frozenset(
        account_uri(prefix, which, thumbprint, account_url)
        for thumbprint in thumbprints
        for which in (domain, _ANY_DOMAIN)
    )


def judged(texts: Sequence[bytes], expected: Expected, label: str) -> Verdict:
    """Whether one of the records proves, and until when; else what was wrong with the one that came nearest.

    Args:
        label: how users are told of the records.
    """
    values = [issue_value.parse(text.decode("ascii", "replace")) for text in texts]
    ours = [value for value in values if value is not None and value.issuer in expected.issuers]
    proofs: list[int | None] = []
    rejected: list[_Rejected] = []
    for value in ours:
        try:
            proofs.append(_good_until(value, expected))
        except _Rejected as why:
            rejected.append(why)
    if proofs:
        # The record that is good for longest; None is for ever.
        return Verdict(good_until=None if None in proofs else max(one for one in proofs if one is not None))
    if rejected:
        nearest = max(rejected, key=lambda one: one.problem == "unauthorized")
        return Verdict(nearest.problem, f"{label}: the record {nearest}")
    names = " or ".join(expected.issuers)
    return Verdict("unauthorized", f"{label}: none of the records names {names}")


def _good_until(value: IssueValue, expected: Expected) -> int | None:
    uri = _one(value, _ACCOUNT_URI)
    if uri is None:
        raise _Rejected("malformed", "has no accounturi")
    algorithm, _, digest = uri.removeprefix(expected.prefix).partition("/")
    if not uri.startswith(expected.prefix) or algorithm != _ALGORITHM or not _DIGEST.fullmatch(digest):
        raise _Rejected("malformed", f"has an accounturi that is not {expected.prefix}{_ALGORITHM}/ and a digest")
    until = _one(value, _PERSIST_UNTIL)
    if until is not None and not _SECONDS.fullmatch(until):
        raise _Rejected("malformed", "has a persistUntil that is no number of seconds since 1970")
    policy = _one(value, _POLICY)
    if uri not in expected.account_uris:
        raise _Rejected("unauthorized", "is for another account, another key of it or another name")
    if until is not None and int(until) < expected.now:
        raise _Rejected("unauthorized", "has a persistUntil that is over")
    if expected.wildcard and (policy or "").lower() != _WILDCARD:
        raise _Rejected("unauthorized", "has no policy=wildcard")
    return None if until is None else int(until)


def _one(value: IssueValue, tag: str) -> str | None:
    found = value.all(tag)
    if len(found) > 1:
        raise _Rejected("malformed", f"has {tag} twice")
    return found[0] if found else None
