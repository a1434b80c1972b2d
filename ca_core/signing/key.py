"""CA keys by URI: what a key can do, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from ca_core.errors import Misconfigured
from ca_core.secret import Secret
from ca_core.signing.raw import TOKEN_KEY_KINDS
from ca_core.signing.software import PrivateKey, PublicKey, SoftwareKey
from ca_core.signing.uri import SCHEME, TokenUri, parse

_FILE = "file"
_PEM = b"-----BEGIN "


class SigningKey(Protocol):
    """A CA key, wherever it is kept."""

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""

    @property
    def algorithm(self) -> bytes:
        """AlgorithmIdentifier of its signatures, in DER."""

    def require_ready(self) -> None:
        """Refuse early what could not be signed anyway.

        Raises:
            KeyUnavailable: the key is known to be out of reach for the moment.
        """

    async def sign(self, tbs: bytes) -> bytes:
        """Return the content of the signature's BIT STRING over the to-be-signed bytes.

        Raises:
            KeyUnavailable: the key is out of reach, or has too much to do.
        """


def is_in_token(uri: str) -> bool:
    """Whether a URI names a key in a token."""
    return uri.startswith(SCHEME)


def file_behind(uri: str, home: Path) -> Path | None:
    """The file that a key is in, or that holds the PIN of its token; None where there is no such file.

    Raises:
        Misconfigured: a `pkcs11:` URI that is none.
    """
    if is_in_token(uri):
        pin_file = parse(uri).pin_file
        return None if pin_file is None else home / pin_file
    parts = urlsplit(uri)
    return home / unquote(parts.path) if parts.scheme == _FILE and parts.path else None


def open_key(
    uri: str,
    passphrase: bytes,
    home: Path,
    *,
    pin: Callable[[], Secret] | None = None,
    expected: object | None = None,
) -> SigningKey:
    """Open a key: `file:` an encrypted PKCS #8 key, PEM or DER, below `home`; `pkcs11:` one in a token (RFC 7512).

    Args:
        passphrase: of files.
        pin: reads the PIN of tokens whose URI has no pin-source.
        expected: the public key in the CA's certificate. A key in a token that does not answer opens all the same
            then, refuses to sign for now, and comes back by itself.

    Raises:
        Misconfigured: another scheme; no such file, a wrong or empty passphrase, a key that is not encrypted; no
            such library, token or key, a wrong PIN, a key that may leave its token; a kind of key that does not
            serve, or another key than the expected one.
    """
    if is_in_token(uri):
        return _open_in_token(uri, home, pin, expected)
    key = _open_file(uri, passphrase, home)
    if expected is not None and key.public_key != expected:
        raise Misconfigured(f"the key of {uri} is not that of the CA's certificate; restore the pair")
    return key


def make_key(uri: str, kind: str, home: Path, *, pin: Callable[[], Secret] | None = None) -> None:
    """Make a key pair in a token, where a `pkcs11:` URI points, unless there is one.

    Raises:
        Misconfigured: no such URI, library or token, a wrong PIN, a kind of key that is not made in tokens, or the
            token does not do it.
    """
    parsed = parse(uri)
    if kind not in TOKEN_KEY_KINDS:
        raise Misconfigured(f"no {kind} key is made in a token; choose one of {', '.join(TOKEN_KEY_KINDS)}")
    _token_keys().make_token_key(parsed, _pin_reader(parsed, home, pin), kind)


def _open_in_token(uri: str, home: Path, pin: Callable[[], Secret] | None, expected: object | None) -> SigningKey:
    parsed = parse(uri)
    opened: SigningKey = _token_keys().open_token_key(parsed, _pin_reader(parsed, home, pin), expected=expected)
    return opened


def _token_keys() -> ModuleType:
    """The driver of tokens is an extra, and is looked for only where a key is in one."""
    try:
        return import_module("ca_core.signing.token_key")
    except ModuleNotFoundError as error:
        if error.name != "pkcs11":
            raise
        raise Misconfigured("keys in tokens need python-pkcs11: pip install 'soapstone[hsm]'") from None


def _pin_reader(uri: TokenUri, home: Path, pin: Callable[[], Secret] | None) -> Callable[[], Secret | None]:
    """Reads the PIN anew each time, so that a corrected one works without a restart."""
    if uri.pin_file is None:
        return pin or (lambda: None)
    path = home / uri.pin_file

    def read() -> Secret:
        try:
            return Secret(path.read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError):
            raise Misconfigured(f"the PIN file {path} cannot be read; check pin-source and the file's owner") from None

    return read


def _open_file(uri: str, passphrase: bytes, home: Path) -> SigningKey:
    parts = urlsplit(uri)
    if parts.scheme != _FILE or parts.netloc or not parts.path:
        raise Misconfigured(f"{uri!r} does not name a key; write file:PATH, relative to the home folder, or pkcs11:...")
    path = home / unquote(parts.path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"the key file {path} cannot be read ({error.strerror}); check it and its owner") from None
    if not passphrase:
        raise Misconfigured(f"the passphrase of the key file {path} is empty; set the one it has")
    load = load_pem_private_key if content.startswith(_PEM) else load_der_private_key
    try:
        private_key = load(content, passphrase)
    except TypeError:
        raise Misconfigured(f"the key file {path} is not encrypted; encrypt it with openssl pkcs8 -topk8") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured(f"the key file {path} does not open; check the passphrase, or restore the file") from None
    if not isinstance(private_key, PrivateKey):
        raise Misconfigured(f"the key in {path} must be RSA, EC P-256, EC P-384 or ML-DSA")
    return SoftwareKey(private_key)
