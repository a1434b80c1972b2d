"""Refusals that exist only because of ACME (RFC 8555, 6.7; RFC 9773, 7.4), as leaves of the one tree.

::

    Unproven
    ├── AccountDoesNotExist           no account has this key or this URL
    ├── BadExternalAccountBinding     the binding proves nothing
    └── RevocationNotYours            neither the account nor the key may revoke the certificate
    Malformed
    ├── BadNonce                      forged, stale, spent or missing
    ├── BadSignature                  the JWS does not verify
    ├── BadSignatureAlgorithm         carries the `algorithms` that would do
    ├── UnsupportedMediaType          not `application/jose+json`
    ├── MethodNotAllowed              carries `allow`
    ├── UnsupportedIdentifier         an identifier type that is not issued here
    ├── MalformedIdentifiers          several cannot be, and some of them cannot even be read
    └── InvalidContact, UnsupportedContact
    Refused
    ├── BadPublicKey                  a key that this server does not accept
    ├── AccountNotValid               deactivated or revoked
    ├── BindingRevoked                the EAB key that bound the account is revoked
    ├── AccountKeyInUse               a key change onto a key that an account has; carries its URL
    ├── AgreementRequired             the subscriber agreement of today is not accepted; carries its URL
    ├── WrongUrl                      the signed `url` is not where the request went
    ├── OrderNotReady                 finalize before its time
    ├── CaaForbids                    a name's owner permits other CAs, accounts or challenges only
    ├── AlreadyReplaced               another order replaces the same certificate
    ├── ExternalAccountRequired       a new account needs a binding
    └── RejectedIdentifiers           carries one refusal for each name, as MalformedIdentifiers does
    Busy
    ├── CaaUnknown                    the name servers did not say what a name's owner permits
    └── NamesPaused                   carries the names

Status codes and types are `problems.TABLE`'s; here is only what was wrong.
"""

from __future__ import annotations

from typing import NamedTuple

from ca_core.errors import Busy, Malformed, Refusal, Refused, Unproven
from ca_core.names import Identifier

_DAY_SECONDS = 86_400
_CAA_RETRY_SECONDS = 60


class AccountDoesNotExist(Unproven):
    """No account has this key or URL (`accountDoesNotExist`)."""

    def __init__(self) -> None:
        super().__init__("no account is known here for this key; create one with newAccount")


class BadExternalAccountBinding(Unproven):
    """The binding proves nothing. One text for an unknown `kid` and a wrong MAC (RFC 8555, 7.3.4)."""

    def __init__(self, text: str = "the external account binding does not verify; check kid and key") -> None:
        super().__init__(text)


class RevocationNotYours(Unproven):
    """Who asks is not one of those who may revoke the certificate (`unauthorized`, RFC 8555, 7.6)."""

    def __init__(self) -> None:
        super().__init__(
            "sign the revocation with the account that the certificate was issued to, with one that holds"
            " authorizations for all of its names, or with the certificate's own key"
        )


class RevocationUnderReview(Refused):
    """The request was recorded; the certificate is revoked only once an officer agrees (`unauthorized`, RULES, S11).

    Args:
        number: of the request.
    """

    def __init__(self, number: int) -> None:
        super().__init__(
            f"request {number} is recorded and waits for the registration authority; there is nothing more to do"
        )


class BadNonce(Malformed):
    """The nonce was not issued here, is too old or was used (`badNonce`, RFC 8555, 6.5)."""

    def __init__(self, text: str = "the nonce is stale or spent; try again with the one in this answer") -> None:
        super().__init__(text)


class BadSignature(Malformed):
    """The JWS does not verify under the key that it names (`malformed`; RFC 8555 has no narrower type)."""

    def __init__(self) -> None:
        super().__init__("the signature of the JWS does not verify under its key")


class BadSignatureAlgorithm(Malformed):
    """The `alg` is not for this key or not for this server (`badSignatureAlgorithm`, RFC 8555, 6.2).

    Args:
        text: one sentence.
        algorithms: what would be accepted; becomes the problem's member of that name.
    """

    def __init__(self, text: str, *, algorithms: tuple[str, ...]) -> None:
        super().__init__(text)
        self.algorithms = algorithms


class UnsupportedMediaType(Malformed):
    """The body is not `application/jose+json` (415, RFC 8555, 6.2)."""

    def __init__(self) -> None:
        super().__init__("send the request with Content-Type: application/jose+json")


class MethodNotAllowed(Malformed):
    """The resource does not know this method (405, RFC 8555, 6.3).

    Args:
        allow: the methods that it knows, for the Allow header.
    """

    def __init__(self, *allow: str) -> None:
        super().__init__(f"this resource answers to {', '.join(allow)} only")
        self.allow = allow


class UnsupportedIdentifier(Malformed):
    """An identifier of a type that is not issued through this door (`unsupportedIdentifier`)."""


class InvalidContact(Malformed):
    """A contact URL that cannot be right (`invalidContact`, RFC 8555, 7.3)."""


class UnsupportedContact(Malformed):
    """A contact URL of a scheme that is not used here (`unsupportedContact`, RFC 8555, 7.3)."""


class BadPublicKey(Refused):
    """The JWK is not a public key that this server accepts (`badPublicKey`, RFC 8555, 6.2)."""


class AccountNotValid(Refused):
    """The account was deactivated or revoked (`unauthorized`, RFC 8555, 7.3.6)."""

    def __init__(self) -> None:
        super().__init__("this account is not valid any more; create another one with a new key")


class BindingRevoked(Refused):
    """The EAB key that the account came by is revoked, and its accounts with it (`unauthorized`)."""

    def __init__(self) -> None:
        super().__init__(
            "the EAB key that this account came by is revoked: ask your registration authority to restore it, or for"
            " another one, and make a new account with a new key"
        )


class AgreementRequired(Refused):
    """The subscriber agreement of today is not accepted (`userActionRequired`, RFC 8555, 7.3 and 7.3.3).

    Args:
        text_url: of the agreement, for the Link header.
        help_url: of the page where a human accepts it, or is told how, for the problem's `instance`.
        is_new: whether the account is still to be made.
    """

    def __init__(self, version: str, *, text_url: str, help_url: str, is_new: bool) -> None:
        how = "make the account with termsOfServiceAgreed: true; see" if is_new else "accept it at"
        first = f"the subscriber agreement {version} must be accepted first"
        super().__init__(f"{first}: read {text_url}, then {how} {help_url}")
        self.text_url = text_url
        self.help_url = help_url


class AccountKeyInUse(Refused):
    """The new key of a key change is an account's already (409, RFC 8555, 7.3.5).

    Args:
        url: that account's, for the Location header; who asks has proved that the key is theirs.
    """

    def __init__(self, url: str) -> None:
        super().__init__("an account has the new key already, at the Location of this answer; make another key")
        self.url = url


class WrongUrl(Refused):
    """The signed `url` is not where the request went (`unauthorized`, RFC 8555, 6.4)."""

    def __init__(self) -> None:
        super().__init__("the url in the protected header is not the URL of this request")


class OrderNotReady(Refused):
    """The order cannot be finalized in its state (`orderNotReady`, 403, RFC 8555, 7.4)."""


class ExternalAccountRequired(Refused):
    """A new account must be bound to a registration (`externalAccountRequired`, RFC 8555, 7.3.4)."""

    def __init__(self) -> None:
        super().__init__("a new account needs the EAB key id and HMAC key of your password sheet")


class CaaForbids(Refused):
    """The DNS records of a name's owner forbid the certificate (`caa`, RFC 8659)."""


class CaaUnknown(Busy):
    """The name servers did not say what the owner of a name permits (`dns`, RFC 8659, 3)."""

    def __init__(self, text: str) -> None:
        super().__init__(text, retry_after_seconds=_CAA_RETRY_SECONDS)


class AlreadyReplaced(Refused):
    """Another order replaces the same certificate, or has (`alreadyReplaced`, 409, RFC 9773, 5 and 7.4)."""

    def __init__(self) -> None:
        super().__init__("another order replaces this certificate, or has; use what that brings")


class Rejected(NamedTuple):
    """One identifier of an order as it was sent, and why it cannot be."""

    type: str
    value: str
    refusal: Refusal


class RejectedIdentifiers(Refused):
    """Some names of an order are not to be had (`rejectedIdentifier`, RFC 8555, 6.7.1).

    Args:
        subproblems: every rejected name with the leaf that says why; at least one.
    """

    def __init__(self, subproblems: tuple[Rejected, ...]) -> None:
        super().__init__(f"not issued to this account: {_listed(subproblems)}")
        self.subproblems = subproblems


class MalformedIdentifiers(Malformed):
    """Several names of an order cannot be, and some of them are not even names (`malformed`, RFC 8555, 6.7.1).

    Args:
        subproblems: every such name with the leaf that says why; at least one.
    """

    def __init__(self, subproblems: tuple[Rejected, ...]) -> None:
        super().__init__(f"not to be had, as their subproblems say: {_listed(subproblems)}")
        self.subproblems = subproblems


class NamesPaused(Busy):
    """Names that only fail for this account are refused until somebody has looked at it (`rateLimited`).

    Args:
        names: at least one.
        registered_as: the site account, which lifting the pause asks for.
    """

    def __init__(self, names: tuple[Identifier, ...], *, registered_as: str) -> None:
        values = [name.value for name in names]
        super().__init__(
            f"paused for this account, because the challenges failed again and again: {', '.join(values)}; find out"
            f" why, and have it lifted: soapstone unpause {registered_as} {' '.join(values)}",
            retry_after_seconds=_DAY_SECONDS,
        )
        self.names = names
        self.registered_as = registered_as


def _listed(rejected: tuple[Rejected, ...]) -> str:
    return ", ".join(ascii(one.value[:80])[1:-1] for one in rejected)
