"""Where a key in a hardware token is, as a `pkcs11:` URI says it (RFC 7512)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

import msgspec

from ca_core.errors import Misconfigured

SCHEME = "pkcs11:"
_FILE = "file:"
_PRIVATE = "private"
_PATH = frozenset({"token", "manufacturer", "serial", "model", "slot-id", "object", "id", "type"})
_QUERY = frozenset({"module-path", "module-name", "pin-source"})
# RFC 7512, 2.3: what may stand in a value as it is; everything else is percent-encoded.
_PATH_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*")
_QUERY_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=/?|]|%[0-9A-Fa-f]{2})*")
_MODULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+\-]*")


class TokenUri(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed URI; None stands for what it does not say.

    Attributes:
        token, manufacturer, serial, model, slot_id: which token, as it describes itself.
        label, key_id: which private key: CKA_LABEL and CKA_ID.
        module_path: of the library, or of the folder that `module_name` is in.
        module_name: the library without folder, `lib` and `.so`.
        pin_file: where the PIN is to be read.
    """

    token: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    model: str | None = None
    slot_id: int | None = None
    label: str | None = None
    key_id: bytes | None = None
    module_path: str | None = None
    module_name: str | None = None
    pin_file: str | None = None

    def __str__(self) -> str:
        """The key as a log line or a sentence names it."""
        parts = {"token": self.token, "serial": self.serial, "slot": self.slot_id, "object": self.label}
        shown = [f"{name} {value!r}" for name, value in parts.items() if value is not None]
        if self.key_id is not None:
            shown.append(f"id {self.key_id.hex()}")
        return ", ".join(shown)


def parse(uri: str) -> TokenUri:
    """Read a URI that names one private key.

    Raises:
        Misconfigured: another scheme, an attribute that is not known, stands twice or has an impossible value, a PIN
            in the URI itself, no key named, or no library named. The text never repeats what could be a PIN.
    """
    if not uri.startswith(SCHEME):
        raise Misconfigured("a key in a token is named by pkcs11:token=LABEL;object=LABEL?module-path=/PATH/OF/LIBRARY")
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    if re.search(r"(?:^|&)pin-value=", query):
        raise Misconfigured("a PIN never stands in a URI; take pin-value out, and use pin-source=file:PATH")
    where = _attributes(path.split(";"), _PATH, _PATH_VALUE)
    how = _attributes(query.split("&"), _QUERY, _QUERY_VALUE)
    if where.get("type", _PRIVATE.encode()) != _PRIVATE.encode():
        raise Misconfigured("a pkcs11: URI of a CA key is of type=private")
    if not where.get("id") and not where.get("object"):
        raise Misconfigured("a pkcs11: URI must name the key: add object=LABEL or id=%HEX")
    parsed = TokenUri(
        token=_text(where, "token"),
        manufacturer=_text(where, "manufacturer"),
        serial=_text(where, "serial"),
        model=_text(where, "model"),
        slot_id=_slot(where),
        label=_text(where, "object"),
        key_id=where.get("id"),
        module_path=_text(how, "module-path"),
        module_name=_text(how, "module-name"),
        pin_file=_pin_file(how),
    )
    _check_module(parsed)
    return parsed


def _attributes(parts: Iterable[str], known: frozenset[str], allowed: re.Pattern[str]) -> dict[str, bytes]:
    """Attributes by name, decoded (RFC 7512, 2.3): none is repeated, and an unknown one is no guess at a key."""
    found: dict[str, bytes] = {}
    for part in filter(None, parts):
        name, equals, value = part.partition("=")
        if name not in known:
            raise Misconfigured(f"a pkcs11: URI has no attribute {name!r} here; there are {', '.join(sorted(known))}")
        if name in found:
            raise Misconfigured(f"a pkcs11: URI says {name} once, not twice")
        if not equals or not allowed.fullmatch(value):
            raise Misconfigured(f"the value of {name} in a pkcs11: URI must be percent-encoded (RFC 7512, 2.3)")
        found[name] = unquote_to_bytes(value)
    return found


def _text(attributes: dict[str, bytes], name: str) -> str | None:
    value = attributes.get(name)
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        raise Misconfigured(f"the value of {name} in a pkcs11: URI is not UTF-8") from None


def _slot(attributes: dict[str, bytes]) -> int | None:
    value = attributes.get("slot-id")
    if value is None:
        return None
    if not re.fullmatch(rb"[0-9]{1,19}", value):
        raise Misconfigured("slot-id in a pkcs11: URI is a decimal number")
    return int(value)


def _pin_file(attributes: dict[str, bytes]) -> str | None:
    source = _text(attributes, "pin-source")
    if source is None:
        return None
    path = source.removeprefix(_FILE).removeprefix("//")
    if not source.startswith(_FILE) or not path:
        raise Misconfigured("pin-source in a pkcs11: URI is file:PATH, relative to the home folder")
    return path


def _check_module(parsed: TokenUri) -> None:
    if parsed.module_path is None and parsed.module_name is None:
        raise Misconfigured(
            "a pkcs11: URI must name the token's library: add ?module-path=/PATH/OF/LIBRARY.so or ?module-name=NAME"
        )
    if parsed.module_path is not None and not parsed.module_path.startswith("/"):
        raise Misconfigured("module-path in a pkcs11: URI is an absolute path")
    if parsed.module_name is not None and not _MODULE_NAME.fullmatch(parsed.module_name):
        raise Misconfigured("module-name in a pkcs11: URI is the library's name without folder, lib and .so")
