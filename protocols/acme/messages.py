"""Payloads of ACME requests (RFC 8555, 7). Members that are not declared here are ignored."""

from __future__ import annotations

from typing import Any

import msgspec

from ca_core import names
from ca_core.errors import BadName
from protocols.acme.errors import InvalidContact, UnsupportedContact
from protocols.acme.jws import members

MAX_CONTACTS = 10
DEACTIVATED = "deactivated"

_MAILTO = "mailto:"


class NewAccount(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 8555, 7.3. A null stands for an absent member: certbot's library writes some."""

    contact: tuple[str, ...] | None = None
    only_return_existing: bool | None = None
    terms_of_service_agreed: bool | None = None
    external_account_binding: Any = None


class AccountUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 8555, 7.3.2 and 7.3.6; `contact` is None where nothing was said about it."""

    contact: tuple[str, ...] | None = None
    status: str | None = None


class KeyChange(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 8555, 7.3.5: what the inner JWS of a key change says.

    Attributes:
        account: the URL of the account that asks.
        old_key: its present key, as a JWK.
    """

    account: str
    old_key: Any


class Finalize(msgspec.Struct, frozen=True):
    """RFC 8555, 7.4: the request in DER, as base64url."""

    csr: str


class AuthorizationUpdate(msgspec.Struct, frozen=True):
    """RFC 8555, 7.5.2."""

    status: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """RFC 8555, 7.5.1: an object that says by being there that the challenge can be looked at."""


class Revocation(msgspec.Struct, frozen=True):
    """RFC 8555, 7.6: the certificate in DER, as base64url."""

    certificate: str
    reason: int | None = None


def new_account(payload: bytes) -> NewAccount:
    """Read newAccount's payload.

    Raises:
        BadRequest: not such an object.
        InvalidContact, UnsupportedContact: as they say.
    """
    message = members(payload, NewAccount)
    _check_contacts(message.contact)
    return message


def account_update(payload: bytes) -> AccountUpdate:
    """Read what is posted to an account.

    Raises:
        BadRequest: not such an object.
        InvalidContact, UnsupportedContact: as they say.
    """
    message = members(payload, AccountUpdate)
    _check_contacts(message.contact)
    return message


def _check_contacts(contacts: tuple[str, ...] | None) -> None:
    if contacts is None:
        return
    if len(contacts) > MAX_CONTACTS:
        raise InvalidContact(f"an account has at most {MAX_CONTACTS} contacts")
    for contact in contacts:
        _check_contact(contact)


def _check_contact(contact: str) -> None:
    if not contact.lower().startswith(_MAILTO):
        raise UnsupportedContact(f"{contact[:80]!r} is not supported; contacts are mailto: URLs")
    address = contact[len(_MAILTO) :]
    # RFC 8555, 7.3: neither header fields nor more than one address.
    if "?" in address or "," in address:
        raise InvalidContact(f"{contact[:80]!r} must be one address without header fields")
    try:
        names.email(address)
    except BadName as refusal:
        raise InvalidContact(str(refusal)) from None
