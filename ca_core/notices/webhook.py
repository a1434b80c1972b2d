"""What a webhook sends, and how it is signed (Standard Webhooks 1.0)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from ca_core.clock import rfc3339
from ca_core.errors import Misconfigured
from ca_core.notices.notice import Notice
from ca_core.secret import Secret

_PREFIX = "whsec_"
_FEWEST_OCTETS, _MOST_OCTETS = 24, 64


class _Certificate(msgspec.Struct, omit_defaults=True):
    serial: str
    profile: str
    names: tuple[str, ...]
    not_after: str
    renewal_opens: str


class _Data(msgspec.Struct, omit_defaults=True):
    account: str | None
    realm: str
    certificate: _Certificate | None = None
    days: int | None = None
    reason: str | None = None
    replaces: str | None = None
    request: int | None = None


class _Body(msgspec.Struct):
    type: str
    timestamp: str
    data: _Data


def body(notice: Notice, *, account: str | None, realm: str) -> bytes:
    """The JSON that is sent: what happened, when, and to which account's what.

    Args:
        account: None where it is yet to be made.
    """
    told = notice.certificates[0] if notice.certificates else None
    certificate = None
    if told is not None:
        ends, opens = rfc3339(told.not_after), rfc3339(told.opens_at)
        certificate = _Certificate(told.serial, told.profile, told.names, ends, opens)
    data = _Data(account, realm, certificate, notice.days, notice.reason, notice.replaces, notice.number)
    return msgspec.json.encode(_Body(notice.topic.value, rfc3339(notice.at), data))


def key_of(secret: Secret) -> bytes:
    """The key in a secret as the scheme writes it: `whsec_` and 24 to 64 octets in base64.

    Raises:
        Misconfigured: it is none.
    """
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or not _FEWEST_OCTETS <= len(key) <= _MOST_OCTETS:
        raise Misconfigured(
            f"a webhook's secret is {_PREFIX} and {_FEWEST_OCTETS} to {_MOST_OCTETS} random octets in base64,"
            " such as: printf whsec_; openssl rand -base64 32"
        )
    return key


def headers(key: bytes, message_id: str, body: bytes, *, now: int) -> dict[str, str]:
    """The three headers by which the receiver knows who sent this and that it is fresh.

    Args:
        message_id: the same at every attempt; it must not contain a dot.
        now: UTC seconds.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), now, body)
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(now), "webhook-signature": f"v1,{signature}"}
