"""Keys in a token: what is refused, and what happens when the token goes away. With a real one, SoftHSM2."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, ObjectClass

from ca_core.errors import Misconfigured
from ca_core.secret import Secret
from ca_core.signing.key import make_key, open_key
from ca_core.signing.token import Place
from ca_core.signing.uri import parse
from conformance.softhsm import PIN, SoftToken
from tests.builders.csr import ec_key
from tests.builders.other_program import generate, objects

HOME = Path("/nowhere")

# -- Opening ---------------------------------------------------------------------------------------------


def test_a_key_is_made_once(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    make_key(token.uri(), "ec-p384", HOME)

    assert open_key(token.uri(), b"", HOME).public_key == public_key


def test_a_key_that_was_made_never_leaves_the_token(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    (private,) = objects(token, {Attribute.CLASS: ObjectClass.PRIVATE_KEY})

    assert private[Attribute.SENSITIVE]
    assert private[Attribute.ALWAYS_SENSITIVE]
    assert private[Attribute.NEVER_EXTRACTABLE]
    assert not private[Attribute.EXTRACTABLE]


def test_a_key_is_found_by_its_id_and_by_the_token_s_serial(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    (private,) = objects(token, {Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    serial = private.session.token.serial.decode()
    key_id = "".join(f"%{octet:02x}" for octet in private[Attribute.ID])
    uri = f"pkcs11:serial={serial};id={key_id}?module-path={token.module}&pin-source=file:{token.pin_file}"

    assert open_key(uri, b"", HOME).public_key == public_key


def test_the_library_is_found_by_its_name(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    by_name = f"pkcs11:token={token.label};object=ca?module-name=softhsm2&pin-source=file:{token.pin_file}"
    by_folder = by_name.replace("?", f"?module-path={token.module.parent}&")

    for uri in (by_name, by_folder):
        assert open_key(uri, b"", HOME).public_key == public_key


def test_the_pin_comes_from_the_settings_where_the_uri_says_nothing(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    uri = token.uri().partition("&")[0]

    assert open_key(uri, b"", HOME, pin=lambda: Secret(PIN)).public_key == public_key


def test_a_key_that_moved_in_is_taken_with_a_word_in_the_log(
    token: SoftToken, caplog: pytest.LogCaptureFixture
) -> None:
    token.put(ec_key(), "ca", "01")

    assert open_key(token.uri(), b"", HOME).public_key == ec_key().public_key()
    assert "event=token-key-was-imported" in caplog.text


async def test_the_public_key_may_stand_in_a_certificate_only(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    (public,) = objects(token, {Attribute.CLASS: ObjectClass.PUBLIC_KEY})
    certificate = {
        Attribute.CLASS: ObjectClass.CERTIFICATE,
        Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
        Attribute.TOKEN: True,
        Attribute.ID: public[Attribute.ID],
        Attribute.SUBJECT: x509.Name([]).public_bytes(),
        Attribute.VALUE: certificate_of(public_key),
    }
    public.session.create_object(certificate)
    public.destroy()

    assert open_key(token.uri(), b"", HOME).public_key == public_key


def test_without_any_public_key_the_certificate_at_hand_is_needed(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    objects(token, {Attribute.CLASS: ObjectClass.PUBLIC_KEY})[0].destroy()

    with pytest.raises(Misconfigured, match="no public key"):
        open_key(token.uri(), b"", HOME)
    assert open_key(token.uri(), b"", HOME, expected=public_key).public_key == public_key


# -- Refusing --------------------------------------------------------------------------------------------


def test_a_wrong_pin_is_tried_once_and_not_shown(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    forget_login(token)
    token.pin_file.write_text("not-the-pin")

    for _ in range(2):
        with pytest.raises(Misconfigured, match="does not take the PIN") as refused:
            open_key(token.uri(), b"", HOME, expected=public_key)
        assert "not-the-pin" not in repr(refused.value)
        assert refused.value.__cause__ is None
    assert "not-the-pin" not in caplog.text

    token.pin_file.write_text(PIN)
    assert open_key(token.uri(), b"", HOME).public_key == public_key


def test_no_pin_is_said_to_be_missing(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    forget_login(token)

    with pytest.raises(Misconfigured, match=r"wants a PIN; set authority\.pin"):
        open_key(token.uri().partition("&")[0], b"", HOME)


def test_an_unreadable_pin_file_is_named(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    forget_login(token)
    token.pin_file.unlink()

    with pytest.raises(Misconfigured, match=f"PIN file {token.pin_file} cannot be read"):
        open_key(token.uri(), b"", HOME)


def test_without_the_driver_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ca_core.signing.token_key", "ca_core.signing.token"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pkcs11", None)

    with pytest.raises(Misconfigured, match=r"pip install 'soapstone\[hsm\]'"):
        open_key("pkcs11:object=ca?module-name=softhsm2", b"", HOME)


def test_a_missing_key_is_said_to_be_missing(token: SoftToken) -> None:
    with pytest.raises(Misconfigured, match=r"holds no private key that fits .*'other'"):
        open_key(token.uri("other"), b"", HOME)


def test_of_two_keys_none_is_guessed(token: SoftToken) -> None:
    token.put(ec_key(), "ca", "01")
    token.put(ec_key("secp384r1"), "ca", "02")

    with pytest.raises(Misconfigured, match="2 of private key fit"):
        open_key(token.uri(), b"", HOME)
    assert open_key(token.uri(more=";id=%01"), b"", HOME).public_key == ec_key().public_key()


def test_of_two_tokens_none_is_guessed(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    (private,) = objects(token, {Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    serial = private.session.token.serial.decode()
    token.add_namesake()
    forget_login(token)

    with pytest.raises(Misconfigured, match=r"2 of token fit .*; give serial="):
        open_key(token.uri(), b"", HOME)
    assert open_key(token.uri(more=f";serial={serial}"), b"", HOME).public_key == public_key


def test_a_missing_token_is_said_to_be_missing(token: SoftToken) -> None:
    with pytest.raises(Misconfigured, match="does not answer: no token in any slot fits"):
        open_key(token.uri().replace(token.label, "another"), b"", HOME)


def test_a_wrong_library_is_named(token: SoftToken, tmp_path: Path) -> None:
    for path, why in (("/usr/lib/nowhere.so", "there is no library"), (__file__, "not a PKCS #11 library")):
        with pytest.raises(Misconfigured, match=why):
            open_key(f"pkcs11:object=ca?module-path={path}", b"", HOME)
    with pytest.raises(Misconfigured, match="no library nowhere"):
        open_key("pkcs11:object=ca?module-name=nowhere", b"", HOME)


def test_a_library_of_another_kind_is_none(token: SoftToken) -> None:
    (libc,) = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/libc.so" in line}

    with pytest.raises(Misconfigured, match="not a PKCS #11 library"):
        open_key(f"pkcs11:object=ca?module-path={libc}", b"", HOME)


@pytest.mark.parametrize("attributes", [{Attribute.EXTRACTABLE: True}, {Attribute.SENSITIVE: False}])
def test_a_key_that_can_be_taken_out_is_refused(token: SoftToken, attributes: dict[Attribute, bool]) -> None:
    generate(token, attributes)

    with pytest.raises(Misconfigured, match="can be taken out"):
        open_key(token.uri(), b"", HOME)


def test_a_key_that_may_not_sign_is_refused(token: SoftToken) -> None:
    generate(token, {Attribute.SIGN: False})

    with pytest.raises(Misconfigured, match="may not sign"):
        open_key(token.uri(), b"", HOME)


async def test_a_key_that_wants_the_pin_for_each_signature_gets_it(token: SoftToken) -> None:
    generate(token, {Attribute.ALWAYS_AUTHENTICATE: True})
    key = open_key(token.uri(), b"", HOME)

    signatures = await asyncio.gather(*(key.sign(b"to be signed") for _ in range(10)))

    assert isinstance(key.public_key, rsa.RSAPublicKey)
    for signature in signatures:
        key.public_key.verify(signature, b"to be signed", PKCS1v15(), SHA256())


def test_a_key_that_is_too_short_is_refused(token: SoftToken) -> None:
    generate(token, {}, bits=1024)

    with pytest.raises(Misconfigured, match="2048 to 4096"):
        open_key(token.uri(), b"", HOME)


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1"])
def test_a_key_of_another_certificate_is_refused(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, curve: str
) -> None:
    with pytest.raises(Misconfigured, match="not that of the CA's certificate"):
        open_key(token.uri(), b"", HOME, expected=ec_key(curve).public_key())


def forget_login(token: SoftToken) -> None:
    """As in a new process: nobody is logged in."""
    place = Place(parse(token.uri()), lambda: None)
    place.library.restart(place.library.generation)


def certificate_of(public_key: ec.EllipticCurvePublicKey) -> bytes:
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), public_key, x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2027, 1, 1, tzinfo=UTC)
    )
    return builder.sign(ec_key(), SHA256()).public_bytes(Encoding.DER)
