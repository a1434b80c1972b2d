"""Keys in a token: what is refused, and what happens when the token goes away. With a real one, SoftHSM2."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import UserAlreadyLoggedIn

from ca_core.errors import KeyUnavailable, Misconfigured
from ca_core.secret import Secret
from ca_core.signing.key import make_key, open_key
from ca_core.signing.token import Place
from ca_core.signing.token_key import LONGEST_REST_SECONDS, TokenKey, open_token_key
from ca_core.signing.uri import parse
from tests.builders.csr import ec_key
from tests.builders.softhsm import PIN, SoftToken

HOME = Path("/nowhere")


@pytest.fixture
def public_key(token: SoftToken) -> ec.EllipticCurvePublicKey:
    """Of a key `ca` that was made in the token."""
    make_key(token.uri(), "ec-p256", HOME)
    made = open_key(token.uri(), b"", HOME).public_key
    assert isinstance(made, ec.EllipticCurvePublicKey)
    return made


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


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
    token.pin_file.write_text("8264-wrong")

    for _ in range(2):
        with pytest.raises(Misconfigured, match="does not take the PIN") as refused:
            open_key(token.uri(), b"", HOME, expected=public_key)
        assert "8264" not in repr(refused.value)
        assert refused.value.__cause__ is None
    assert "8264" not in caplog.text

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


def test_a_missing_key_is_said_to_be_missing(token: SoftToken) -> None:
    with pytest.raises(Misconfigured, match=r"holds no private key that fits .*'other'"):
        open_key(token.uri("other"), b"", HOME)


def test_of_two_keys_none_is_guessed(token: SoftToken) -> None:
    token.put(ec_key(), "ca", "01")
    token.put(ec_key("secp384r1"), "ca", "02")

    with pytest.raises(Misconfigured, match="2 of private key fit"):
        open_key(token.uri(), b"", HOME)
    assert open_key(token.uri(more=";id=%01"), b"", HOME).public_key == ec_key().public_key()


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


# -- The token goes away ---------------------------------------------------------------------------------


async def test_a_token_that_comes_back_is_found_again(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    seconds = Seconds()
    key = opened(token, seconds)
    await key.sign(b"before")

    token.go_away()
    with pytest.raises(KeyUnavailable) as refused:
        await key.sign(b"away")
    assert refused.value.retry_after_seconds == 1
    token.come_back()
    seconds.now += 1

    public_key.verify(await key.sign(b"after"), b"after", ec.ECDSA(SHA256()))


async def test_a_token_that_came_back_within_one_signature_is_not_missed(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    key = opened(token, Seconds())
    await key.sign(b"before")
    driver(token).reinitialize()

    public_key.verify(await key.sign(b"after"), b"after", ec.ECDSA(SHA256()))


async def test_a_token_that_stays_away_is_asked_ever_more_rarely(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = Seconds()
    key = opened(token, seconds)
    token.go_away()

    rests = []
    for _ in range(7):
        with pytest.raises(KeyUnavailable) as refused:
            await key.sign(b"away")
        rests.append(refused.value.retry_after_seconds)
        seconds.now += refused.value.retry_after_seconds

    assert rests == [1, 2, 4, 8, 16, LONGEST_REST_SECONDS, LONGEST_REST_SECONDS]
    assert caplog.text.count("event=token-away") == 7


async def test_while_it_rests_nobody_knocks_at_the_token(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    key = opened(token, Seconds())
    token.go_away()

    refusals = await asyncio.gather(*(key.sign(b"away") for _ in range(50)), return_exceptions=True)
    token.come_back()
    refusals.append(*await asyncio.gather(key.sign(b"still resting"), return_exceptions=True))

    assert {type(refusal) for refusal in refusals} == {KeyUnavailable}
    assert caplog.text.count("event=token-away") == 1


async def test_a_token_that_is_away_at_the_start_is_no_error(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    seconds = Seconds()
    token.go_away()
    key = opened(token, seconds, expected=public_key)
    with pytest.raises(KeyUnavailable):
        await key.sign(b"away")
    token.come_back()
    seconds.now += 1

    public_key.verify(await key.sign(b"here"), b"here", ec.ECDSA(SHA256()))


def test_without_a_certificate_a_token_must_be_there(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    token.go_away()

    with pytest.raises(Misconfigured, match="does not answer"):
        open_key(token.uri(), b"", HOME)
    with pytest.raises(Misconfigured, match="makes no key"):
        make_key(token.uri(), "ec-p256", HOME)


async def test_a_key_that_was_exchanged_meanwhile_signs_nothing(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    key = opened(token, Seconds())
    for one in objects(token, {Attribute.LABEL: "ca"}):
        one.destroy()
    make_key(token.uri(), "ec-p256", HOME)

    with pytest.raises(KeyUnavailable):
        await key.sign(b"with which key?")
    assert "is not that of the CA's certificate" in caplog.text


async def test_two_keys_of_one_token_come_back_both(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    make_key(token.uri("other"), "ec-p384", HOME)
    seconds = Seconds()
    keys = [opened(token, seconds), opened(token, seconds, label="other")]
    token.go_away()
    await asyncio.gather(*(key.sign(b"away") for key in keys), return_exceptions=True)
    token.come_back()
    seconds.now += 1

    signatures = await asyncio.gather(*(key.sign(b"back") for key in keys * 10))

    assert len(signatures) == 20


def opened(
    token: SoftToken, seconds: Seconds, *, expected: ec.EllipticCurvePublicKey | None = None, label: str = "ca"
) -> TokenKey:
    return open_token_key(parse(token.uri(label)), lambda: Secret(PIN), expected=expected, seconds=seconds)


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


# -- The token as another program sees it ------------------------------------------------------------------


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
