"""Proofs that one has a certificate's key: what is not one, here and now, revokes nothing."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from conformance.hostile.portal import Answer, Browser, Subscriber, csr
from conformance.house import House

SHA1, MD5 = hashes.SHA1(), hashes.MD5()  # noqa: S303  # what is attacked with
SHA256, SHA384 = hashes.SHA256(), hashes.SHA384()
PKCS1 = padding.PKCS1v15()
PSS = padding.PSS(padding.MGF1(SHA256), 32)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Of its own, for its clock is moved; whoever has no proof waits for an officer here."""
    built = House(tmp_path_factory.mktemp("house"), "portal.gate=off", "kinds.partner.revocation=review")
    try:
        built.start()
        yield built
        assert "event=bug" not in built.log, built.log[-4000:]
    finally:
        built.close()


class Holder(NamedTuple):
    """Somebody with a certificate for each kind of key."""

    subscriber: Subscriber
    by_ec: str
    by_rsa: str
    rsa_key: rsa.RSAPrivateKey

    @property
    def ec_key(self) -> ec.EllipticCurvePrivateKey:
        return self.subscriber.key


def holder(house: House) -> Holder:
    somebody, key = Subscriber(house), rsa.generate_private_key(65537, 2048)
    somebody.enter()
    fields = [("csrf", somebody.csrf), ("profile", "signing"), ("profile", "encryption")]
    fields += [("csr.signing", csr(somebody.key)), ("csr.encryption", csr(key))]
    assert somebody.post("/apply", fields).status == 200
    held = somebody.held()
    return Holder(somebody, held["signing"], held["encryption"], key)


@pytest.fixture(scope="module")
def held(house: House) -> Holder:
    """Whose certificates all these tests leave as they are."""
    return holder(house)


def challenge(browser: Browser, serial: str) -> bytes:
    page = browser.get(f"/certificates/{serial}/revoke").text
    found = re.search(r'data-challenge="([^"]+)"', page)
    assert found is not None, page
    text = html.unescape(found[1])
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def prove(browser: Browser, serial: str, signature: bytes, field: str = "proof") -> Answer:
    token = browser.get("/password").field("csrf")
    return browser.post(f"/certificates/{serial}/prove", {"csrf": token, field: base64.b64encode(signature).decode()})


def raw(key: ec.EllipticCurvePrivateKey, text: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(SHA256)))
    return r.to_bytes(32) + s.to_bytes(32)


def swapped(key: ec.EllipticCurvePrivateKey, text: bytes) -> bytes:
    signature = raw(key, text)
    return signature[32:] + signature[:32]


def shaken(text: bytes) -> bytes:
    digest = hashes.Hash(SHA1)
    digest.update(text)
    return digest.finalize()


EC_FORGERIES: dict[str, Callable[[ec.EllipticCurvePrivateKey, bytes], bytes]] = {
    "another key": lambda _, text: raw(ec.generate_private_key(ec.SECP256R1()), text),
    "another curve": lambda _, text: ec.generate_private_key(ec.SECP384R1()).sign(text, ec.ECDSA(SHA384)),
    "SHA-1": lambda key, text: key.sign(text, ec.ECDSA(SHA1)),
    "SHA-1 of itself as SHA-256": lambda key, text: key.sign(shaken(text), ec.ECDSA(SHA256)),
    "halves swapped": swapped,
    "zero": lambda _, __: bytes(64),
    "zero in DER": lambda _, __: utils.encode_dss_signature(0, 0),
    "order": lambda _, __: ORDER.to_bytes(32) * 2,
    "infinite": lambda _, __: b"\xff" * 64,
    "with more behind": lambda key, text: key.sign(text, ec.ECDSA(SHA256)) + b"\0",
    "with less": lambda key, text: key.sign(text, ec.ECDSA(SHA256))[:-1],
    "raw with more behind": lambda key, text: raw(key, text) + b"\0",
    "an end of line": lambda key, text: raw(key, text + b"\n"),
    "nothing": lambda key, _: raw(key, b""),
    "other words": lambda key, text: raw(key, text.replace(b"revoke", b"renew ")),
    "upper case": lambda key, text: raw(key, text.upper()),
    "no signature": lambda _, text: text,
    "empty": lambda _, __: b"",
    "long": lambda _, __: b"\x30" * 9000,
    "too long": lambda _, __: b"\x30" * 40_000,
}
RSA_FORGERIES: dict[str, Callable[[rsa.RSAPrivateKey, bytes], bytes]] = {
    "another key": lambda _, text: rsa.generate_private_key(65537, 2048).sign(text, PKCS1, SHA256),
    "PKCS1 with SHA-1": lambda key, text: key.sign(text, PKCS1, SHA1),
    "PKCS1 with MD5": lambda key, text: key.sign(text, PKCS1, MD5),
    "PSS with SHA-1": lambda key, text: key.sign(text, padding.PSS(padding.MGF1(SHA1), 20), SHA1),
    "PSS masked by SHA-1": lambda key, text: key.sign(text, padding.PSS(padding.MGF1(SHA1), 32), SHA256),
    "zero": lambda _, __: bytes(256),
    "one": lambda _, __: bytes(255) + b"\1",
    "short": lambda key, text: key.sign(text, PKCS1, SHA256)[:-1],
    "with more behind": lambda key, text: key.sign(text, PKCS1, SHA256) + b"\0",
    "by ECDSA": lambda _, text: raw(ec.generate_private_key(ec.SECP256R1()), text),
}


@pytest.mark.parametrize("forgery", EC_FORGERIES)
def test_what_the_key_has_not_signed_so_proves_nothing_of_an_ec_key(held: Holder, forgery: str) -> None:
    text, before = challenge(held.subscriber, held.by_ec), held.subscriber.state

    for field in ("proof", "signature"):
        answer = prove(held.subscriber, held.by_ec, EC_FORGERIES[forgery](held.ec_key, text), field)
        assert answer.status == 422

    assert held.subscriber.state == before


@pytest.mark.parametrize("forgery", RSA_FORGERIES)
def test_what_the_key_has_not_signed_so_proves_nothing_of_an_rsa_key(held: Holder, forgery: str) -> None:
    text, before = challenge(held.subscriber, held.by_rsa), held.subscriber.state

    answer = prove(held.subscriber, held.by_rsa, RSA_FORGERIES[forgery](held.rsa_key, text))

    assert answer.status == 422
    assert held.subscriber.state == before


def test_a_challenge_is_of_one_session(held: Holder) -> None:
    other, before = held.subscriber.again(), held.subscriber.state[:4]
    text, others = challenge(held.subscriber, held.by_ec), challenge(other, held.by_ec)

    answers = [
        prove(other, held.by_ec, raw(held.ec_key, text)),
        prove(held.subscriber, held.by_ec, raw(held.ec_key, others)),
        prove(held.subscriber.again(), held.by_ec, raw(held.ec_key, text)),
    ]

    assert [answer.status for answer in answers] == [422, 422, 409]
    assert text != others
    assert held.subscriber.state[:4] == before


def test_a_challenge_is_of_one_certificate(held: Holder) -> None:
    somebody, before = held.subscriber, held.subscriber.state
    first = challenge(somebody, held.by_ec)
    second = challenge(somebody, held.by_rsa)

    answers = [
        prove(somebody, held.by_ec, raw(held.ec_key, first)),
        prove(somebody, held.by_rsa, raw(held.ec_key, first)),
    ]
    challenge(somebody, held.by_rsa)
    answers += [
        prove(somebody, held.by_rsa, raw(held.ec_key, second)),
        prove(somebody, held.by_rsa, held.rsa_key.sign(first, PKCS1, SHA256)),
        prove(somebody, held.by_ec, held.rsa_key.sign(second, PKCS1, SHA256)),
    ]

    assert {answer.status for answer in answers} <= {409, 422}
    assert somebody.state == before


def test_a_challenge_ends(house: House) -> None:
    somebody = Subscriber(house)
    somebody.enter()
    serial = somebody.certify("signing")["signing"]
    signature = raw(somebody.key, challenge(somebody, serial))

    house.move_clock(days=601 / 86_400)
    try:
        answer = prove(somebody, serial, signature)
    finally:
        house.move_clock(days=0)

    assert answer.status == 409
    assert somebody.held() == {"signing": serial}


@pytest.mark.parametrize("way", ["ECDSA side by side", "ECDSA in DER", "RSA-PSS", "RSA-PKCS1"])
def test_a_right_proof_is_good_once_however_often_it_is_sent_at_once(house: House, way: str) -> None:
    """The rule that the attacks above break is seen to hold for who keeps it."""
    kept = holder(house)
    serial = kept.by_ec if way.startswith("ECDSA") else kept.by_rsa
    somebody, text = kept.subscriber, challenge(kept.subscriber, serial)
    signature = {
        "ECDSA side by side": lambda: raw(kept.ec_key, text),
        "ECDSA in DER": lambda: kept.ec_key.sign(text, ec.ECDSA(SHA256)),
        "RSA-PSS": lambda: kept.rsa_key.sign(text, PSS, SHA256),
        "RSA-PKCS1": lambda: kept.rsa_key.sign(text, PKCS1, SHA256),
    }[way]()
    copies = [Browser(house) for _ in range(6)]
    for copy in copies:
        copy.cookies = dict(somebody.cookies)

    with ThreadPoolExecutor(len(copies)) as threads:
        answers = list(threads.map(lambda copy: prove(copy, serial, signature), copies))
    again = prove(somebody, serial, signature)

    said = [str(answer.headers["Location"]) for answer in (*answers, again)]
    assert [place.partition("?")[2] for place in said].count("said=revoked") == 1, said
    events = somebody.rows("SELECT event, actor FROM journal WHERE registration_id = :them AND event LIKE '%revo%'")
    assert len(events) == 1
    assert events[0][1].startswith("portal:certificate-key:")
