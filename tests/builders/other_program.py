"""A token as another program sees it, past the product: through python-pkcs11."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute
from pkcs11.exceptions import UserAlreadyLoggedIn

from ca_core.signing.key import make_key
from conformance.softhsm import PIN, SoftToken

HOME = Path("/nowhere")


def driver(token: SoftToken) -> Any:
    return pkcs11.lib(str(token.module.resolve()))


def session(token: SoftToken) -> Any:
    (found,) = driver(token).get_tokens(token_label=token.label)
    try:
        return found.open(rw=True, user_pin=PIN)
    except UserAlreadyLoggedIn:
        return found.open(rw=True)


def objects(token: SoftToken, wanted: dict[Attribute, Any]) -> list[Any]:
    return list(session(token).get_objects(wanted))


def generate(token: SoftToken, attributes: dict[Attribute, bool], *, bits: int = 2048) -> None:
    """Make a key `ca` of the given private attributes."""
    make_key(token.uri("another"), "ec-p256", HOME)
    session(token).generate_keypair(
        pkcs11.KeyType.RSA, bits, id=b"\7", label="ca", store=True, private_template=attributes
    )
