"""Tokens by PKCS #11: which token and which key a URI means, logging in, what the key may do, making one.

The only file that knows python-pkcs11, which is an extra: pip install 'soapstone[hsm]'. Everything here is called by
threads that are inside the library (`Library.calling`); `token_key.py` says what happens when it fails.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pkcs11
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ObjectIdentifier
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, TokenFlag
from pkcs11.exceptions import (
    AttributeTypeInvalid,
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
    UserPinNotInitialized,
)

from ca_core.errors import Misconfigured
from ca_core.secret import Secret
from ca_core.signing.library import Library, TokenAway, located
from ca_core.signing.raw import TokenKeyKind, TokenPublicKey, require_usable
from ca_core.signing.uri import TokenUri

_KEY_ID_OCTETS = 16
_CURVES: dict[str, tuple[str, ec.EllipticCurve]] = {
    "ec-p256": ("1.2.840.10045.3.1.7", ec.SECP256R1()),
    "ec-p384": ("1.3.132.0.34", ec.SECP384R1()),
}
_WRONG_PIN = (PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked, UserPinNotInitialized)


class OpenKey(NamedTuple):
    """A private key in one session, which one thread uses.

    Attributes:
        sign: takes what `raw.prepared` made and gives what `raw.finished` takes, or raises TokenAway.
        was_imported: whether it has ever been outside of the token.
    """

    public_key: TokenPublicKey
    sign: Callable[[bytes], bytes]
    was_imported: bool


class Place:
    """Where a key is: a library, a token in it, and an object in that.

    Raises:
        Misconfigured: there is no such library.
    """

    def __init__(self, uri: TokenUri, pin: Callable[[], Secret | None]) -> None:
        self.uri = uri
        self.library = _library(located(uri))
        self._pin = pin

    def open(self, expected: TokenPublicKey | None) -> OpenKey:
        """Open a session and find the key in it.

        Args:
            expected: the public key, where it is known; else the token is asked for it.

        Raises:
            TokenAway: the token does not answer.
            Misconfigured: not exactly one key fits, it may leave the token, or the PIN is wrong.
        """
        with self.library.opening, _talking():
            session = self._session(self._token(), writing=False)
            found = self._private_keys(session)
            if len(found) != 1:
                raise Misconfigured(_not_one("private key", found, self.uri, "give id=%HEX of the right one"))
            key = found[0]
            _require_guarded(key, self.uri)
            public_key = expected or _public_key(session, key, self.uri)
            return OpenKey(public_key, self._signer(key, public_key), not _has(key, Attribute.NEVER_EXTRACTABLE))

    def make(self, kind: TokenKeyKind) -> None:
        """Make a key pair that never leaves the token, unless there is a key where the URI points.

        Raises:
            TokenAway: the token does not answer, or does not do it.
            Misconfigured: as `open`.
        """
        with _talking():
            session = self._session(self._token(), writing=True)
            if self._private_keys(session):
                return
            form: dict[str, Any] = {
                "id": self.uri.key_id or secrets.token_bytes(_KEY_ID_OCTETS),
                "label": self.uri.label or "soapstone",
                "store": True,
                "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
                "private_template": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            }
            if kind in _CURVES:
                parameters = asn1.encode_der(ObjectIdentifier(_CURVES[kind][0]))
                curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: parameters}, local=True)
                curve.generate_keypair(**form)
            else:
                session.generate_keypair(KeyType.RSA, int(kind.removeprefix("rsa-")), **form)

    def _token(self) -> pkcs11.Token:
        found = [token for token in _tokens(self.library) if _fits(token, self.uri)]
        if not found:
            raise TokenAway("no token in any slot fits")
        if len(found) > 1:
            raise Misconfigured(_not_one("token", found, self.uri, "give serial= of the right one"))
        return found[0]

    def _session(self, token: pkcs11.Token, *, writing: bool) -> pkcs11.Session:
        """A session as the user. To the token this process is one application: one login is good for all of it."""
        login = (self.library.generation, token.slot.slot_id)
        if login in self.library.logins or TokenFlag.LOGIN_REQUIRED not in token.flags:
            return token.open(rw=writing)
        pin = self._pin()
        if pin is None:
            raise Misconfigured(f"the token of the key ({self.uri}) wants a PIN; set authority.pin to file:PATH")
        try_ = hashlib.sha256(token.serial + pin.reveal().encode()).digest()
        if try_ in self.library.refused_pins:
            # A token locks itself after a few wrong PINs, so that none is tried twice.
            raise Misconfigured(_wrong_pin(self.uri))
        try:
            session = token.open(rw=writing, user_pin=pin.reveal())
        except UserAlreadyLoggedIn:
            session = token.open(rw=writing)
        except _WRONG_PIN:
            self.library.refused_pins.add(try_)
            raise Misconfigured(_wrong_pin(self.uri)) from None
        self.library.logins.add(login)
        return session

    def _private_keys(self, session: pkcs11.Session) -> list[Any]:
        wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        if self.uri.label is not None:
            wanted[Attribute.LABEL] = self.uri.label
        if self.uri.key_id is not None:
            wanted[Attribute.ID] = self.uri.key_id
        return list(session.get_objects(wanted))

    def _signer(self, key: Any, public_key: TokenPublicKey) -> Callable[[bytes], bytes]:  # noqa: ANN401  # untyped there
        is_rsa = isinstance(public_key, rsa.RSAPublicKey)
        if key[Attribute.KEY_TYPE] != (KeyType.RSA if is_rsa else KeyType.EC):
            raise Misconfigured(f"the key in the token ({self.uri}) is not that of the CA's certificate")
        mechanism = Mechanism.RSA_PKCS if is_rsa else Mechanism.ECDSA
        asks_each_time = _has(key, Attribute.ALWAYS_AUTHENTICATE)

        def sign(prepared: bytes) -> bytes:
            pin = self._pin() if asks_each_time else None
            with _talking():
                signed: bytes = key.sign(prepared, mechanism=mechanism, pin=pin.reveal() if pin else None)
                return signed

        return sign


@cache
def _library(path: Path) -> Library:
    """One for the whole process, as the library itself is."""

    def driver() -> object:
        with _talking():
            return pkcs11.lib(str(path))

    return Library(path, driver)


@contextmanager
def _talking() -> Iterator[None]:
    """Whatever the library answers is a token that cannot be used now; what was wrong before is found by `open`."""
    try:
        yield
    except PKCS11Error as error:
        kind, text = type(error).__name__, str(error)
        raise TokenAway(f"{kind}: {text}" if text else kind) from None


def _tokens(library: Library) -> Iterator[pkcs11.Token]:
    for slot in library.driver.get_slots(token_present=True):
        try:
            yield slot.get_token()
        except PKCS11Error:  # one slot that fails hides no other
            continue


def _fits(token: pkcs11.Token, uri: TokenUri) -> bool:
    wanted = (
        (uri.token, token.label),
        (uri.manufacturer, token.manufacturer_id),
        (uri.serial, token.serial.decode("ascii", "replace")),
        (uri.model, token.model),
        (uri.slot_id, token.slot.slot_id),
    )
    return all(value is None or value == actual for value, actual in wanted)


def _require_guarded(key: Any, uri: TokenUri) -> None:  # noqa: ANN401  # untyped there
    """A key that can be read out is no better than a file, and looks as if it were.

    One that was brought into the token from outside is accepted: that is how a CA moves into one.
    """
    if not _has(key, Attribute.SENSITIVE) or _has(key, Attribute.EXTRACTABLE, otherwise=True):
        raise Misconfigured(
            f"the key in the token ({uri}) can be taken out of it; make one with CKA_SENSITIVE true and"
            " CKA_EXTRACTABLE false"
        )
    if not _has(key, Attribute.SIGN):
        raise Misconfigured(f"the key in the token ({uri}) may not sign; make one with CKA_SIGN true")


def _has(key: Any, attribute: Attribute, *, otherwise: bool = False) -> bool:  # noqa: ANN401  # untyped there
    try:
        return bool(key[attribute])
    except AttributeTypeInvalid:
        return otherwise


def _public_key(session: pkcs11.Session, private: Any, uri: TokenUri) -> TokenPublicKey:  # noqa: ANN401  # untyped there
    """From the public key object that goes with a private one, or else from the certificate that does."""
    key_id = private[Attribute.ID]
    partner = {Attribute.ID: key_id} if key_id else {Attribute.LABEL: private[Attribute.LABEL]}
    for public in session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, **partner}):
        return require_usable(_decoded(public))
    for certificate in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE, **partner}):
        return require_usable(x509.load_der_x509_certificate(certificate[Attribute.VALUE]).public_key())
    raise Misconfigured(f"the token holds no public key beside the private one ({uri}); import it with the same id")


def _decoded(public: Any) -> object:  # noqa: ANN401  # untyped there
    """A public key object's key; None when it is of a kind or curve that no CA key here has."""
    if public[Attribute.KEY_TYPE] == KeyType.RSA:
        exponent, modulus = (int.from_bytes(public[name]) for name in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS))
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    for oid, curve in _CURVES.values():
        if public[Attribute.KEY_TYPE] == KeyType.EC and public[Attribute.EC_PARAMS] == asn1.encode_der(
            ObjectIdentifier(oid)
        ):
            point = public[Attribute.EC_POINT]
            # A DER OCTET STRING by the book; there are tokens that leave its header out.
            is_bare = len(point) == 1 + 2 * (curve.key_size // 8)
            return ec.EllipticCurvePublicKey.from_encoded_point(
                curve, point if is_bare else asn1.decode_der(bytes, point)
            )
    return None


def _not_one(what: str, found: list[Any], uri: TokenUri, advice: str) -> str:
    if not found:
        return f"the token holds no {what} that fits ({uri}); check the URI, or make the key"
    return f"{len(found)} of {what} fit ({uri}); {advice}"


def _wrong_pin(uri: TokenUri) -> str:
    return f"the token does not take the PIN of the key ({uri}); correct authority.pin or pin-source before it locks"
