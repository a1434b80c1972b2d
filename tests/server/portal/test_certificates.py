"""A subscriber's certificates on the portal's pages: seen, fetched, revoked, and nobody else's."""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from ca_core.applicant import Applicant, Door
from ca_core.policy.request import parse
from ca_core.referral.request import at_once
from ca_core.revocation.reason import Reason
from ca_core.store.certificates import Certificate
from server.journaling import open_sequencer
from tests.builders.est import Csr, new_key
from tests.builders.portal_house import GOOD, Browser, PortalHouse, initial, portal_house

HARMLESS = re.compile(r"[A-Za-z0-9.-]+")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[PortalHouse]:
    async with portal_house(tmp_path) as made:
        yield made


async def issued(
    house: PortalHouse, account: str = "acc", key: ec.EllipticCurvePrivateKey | None = None, profile: str = "signing"
) -> Certificate:
    """A certificate of somebody who is registered."""
    # As a server does each second: while nobody keeps the journal, nothing is issued.
    await (await open_sequencer(house.opened, house.room.gate)).turn()
    registration = await house.opened.desk.show(account)
    who = Applicant(registration.id, Door.PORTAL, "session", "192.0.2.7")
    request = parse(Csr(key=key or new_key(), names=[]).der())
    return at_once(await house.room.enrollment.enroll(who, request, profile_name=profile))


async def stored(house: PortalHouse, certificate: Certificate) -> Certificate:
    found = await house.opened.revocations.certificate(certificate.serial)
    assert found is not None
    return found


def header(browser: Browser, name: str) -> str:
    return dict(browser.page.headers)[name]


async def test_the_list_has_the_columns_of_the_manual_and_is_filtered(house: PortalHouse) -> None:
    """RULES, S12."""
    browser = await house.signed_in()
    signing, encryption = await issued(house), await issued(house, profile="encryption")

    await browser.get("/certificates")

    columns = re.findall(r'<th scope="col">([^<]*)</th>', browser.text)
    assert columns == [
        *("No.", "Identifying name", "Serial number", "Status", "Purpose", "Valid from", "Valid until", "Subject"),
        "Issuer",
    ]
    assert signing.serial in browser.text
    assert encryption.serial in browser.text
    assert "CN=Alice,O=Example,C=TW" in browser.text
    assert '<td class="break">Alice</td>' in browser.text
    await browser.get(f"/certificates?serial={signing.serial[:12]}")
    assert signing.serial in browser.text
    assert encryption.serial not in browser.text
    await browser.get("/certificates?status=revoked")
    assert "Nothing was found." in browser.text
    for wrong in ("status=none", "serial=xyz", "after=nowhere"):
        await browser.get(f"/certificates?{wrong}")
        assert browser.page.status == 400
        assert 'role="alert"' in browser.text


async def test_a_long_list_goes_on_on_the_next_page_and_numbers_on(house: PortalHouse) -> None:
    browser = await house.signed_in()
    for number in range(21):
        certificate = await issued(house)
        await house.opened.revocations.revoke(certificate.serial, Reason.SUPERSEDED, actor=f"desk:test-{number}")
    await browser.get("/certificates")
    (following,) = re.findall(r'href="(/certificates\?[^"]*after=[^"]*)"', browser.text)

    await browser.get(following.replace("&amp;", "&"))

    assert 'class="right">21</td>' in browser.text
    assert 'class="right">20</td>' not in browser.text


async def test_a_certificate_is_shown_in_words_with_its_fingerprint_and_its_life(house: PortalHouse) -> None:
    browser, certificate = await house.signed_in(), await issued(house)
    read = x509.load_der_x509_certificate(certificate.der)
    await house.opened.revocations.revoke(
        certificate.serial, Reason.SUPERSEDED, actor="desk:officer:alice", note="a secret of the desk's"
    )

    await browser.get(f"/certificates/{certificate.serial.upper()}")

    plain = browser.text.replace(" ", "")
    assert read.fingerprint(hashes.SHA256()).hex() in plain
    assert "signs, and shows who somebody is" in browser.text
    assert read.public_bytes(Encoding.PEM).decode() in browser.text
    assert "Certificate revoked: another one has taken its place" in browser.text
    assert "(the registration authority)" in browser.text
    assert "alice" not in browser.text
    assert "a secret of the desk" not in browser.text


@pytest.mark.parametrize(
    ("form", "media_type", "ending"),
    [
        ("pem", "application/x-pem-file", ".pem"),
        ("der", "application/pkix-cert", ".cer"),
        ("p7b", "application/x-pkcs7-certificates", ".p7b"),
        ("fullchain", "application/pem-certificate-chain", "-fullchain.pem"),
        ("chain", "application/pem-certificate-chain", "-chain.pem"),
    ],
)
async def test_a_certificate_is_fetched_again_in_each_form(
    house: PortalHouse, form: str, media_type: str, ending: str
) -> None:
    """RULES, S8."""
    browser, certificate = await house.signed_in(), await issued(house)
    leaf = x509.load_der_x509_certificate(certificate.der)
    (issuing,), (root,) = house.room.chain("issuing"), house.room.roots()
    await browser.get("/download")
    assert f'href="/certificates/{certificate.serial}/file/{form}"' in browser.text

    await browser.get(f"/certificates/{certificate.serial}/file/{form}")

    body = browser.page.body
    read = {
        "pem": lambda: x509.load_pem_x509_certificates(body),
        "der": lambda: [x509.load_der_x509_certificate(body)],
        "p7b": lambda: sorted(pkcs7.load_der_pkcs7_certificates(body), key=[leaf, issuing, root].index),
        "fullchain": lambda: x509.load_pem_x509_certificates(body),
        "chain": lambda: x509.load_pem_x509_certificates(body),
    }[form]()
    wanted = {
        "pem": [leaf],
        "der": [leaf],
        "p7b": [leaf, issuing, root],
        "fullchain": [leaf, issuing],
        "chain": [issuing, root],
    }[form]
    assert read == wanted
    assert header(browser, "Content-Type") == media_type
    name = f"signing-{certificate.serial}{ending}"
    assert header(browser, "Content-Disposition") == f'attachment; filename="{name}"'
    assert HARMLESS.fullmatch(name)
    assert header(browser, "X-Content-Type-Options") == "nosniff"


async def test_anothers_certificate_is_not_there_under_any_address(house: PortalHouse) -> None:
    browser = await house.signed_in()
    await house.register("lin")
    theirs = await issued(house, "lin")
    await browser.get("/certificates")
    token = browser.token
    nobodys = "00" * 20
    paths = ("", "/revoke", "/prove", *(f"/file/{form}" for form in ("pem", "der", "p7b", "fullchain", "chain")))

    for path in paths:
        pages = set()
        for serial in (theirs.serial, nobodys):
            reply = await browser.sent("GET", f"/certificates/{serial}{path}", {})
            pages.add((reply.status, reply.body.replace(serial.encode(), b"")))
        assert [status for status, _ in pages] == [404]
    for path, fields in (("revoke", {"reason": "superseded", "confirmed": "yes"}), ("prove", {"proof": "AAAA"})):
        reply = await browser.posted(f"/certificates/{theirs.serial}/{path}", token=token, **fields)
        assert reply.status == 404
    for serial in (theirs.serial, nobodys, "zz"):
        await browser.get(f"/certificates?serial={serial}")
        assert "/certificates/" + serial not in browser.text
    assert (await stored(house, theirs)).revoked_at is None


async def test_revoking_asks_for_a_reason_and_a_confirmation(house: PortalHouse) -> None:
    """RULES, S11."""
    browser, certificate = await house.signed_in(), await issued(house)
    place = f"/certificates/{certificate.serial}/revoke"
    await browser.get(place)
    assert browser.text.count('type="radio"') == 5
    assert "It is revoked at once" in browser.text

    await browser.post(place)
    assert (browser.page.status, "Choose a reason." in browser.text) == (422, True)
    await browser.post(place, reason="superseded")
    assert (browser.page.status, "Confirm that" in browser.text) == (422, True)
    await browser.post(place, reason="privilegeWithdrawn", confirmed="yes")
    assert browser.page.status == 422
    assert (await stored(house, certificate)).revoked_at is None
    await browser.post(place, reason="superseded", confirmed="yes")

    assert browser.path == f"/certificates/{certificate.serial}"
    assert "The certificate is revoked;" in browser.text
    assert (await stored(house, certificate)).reason == Reason.SUPERSEDED
    await browser.get(place)
    assert browser.path == f"/certificates/{certificate.serial}"


async def test_a_form_from_elsewhere_revokes_nothing(house: PortalHouse) -> None:
    browser, other, certificate = await house.signed_in(), await house.signed_in("lin"), await issued(house)
    place = f"/certificates/{certificate.serial}/revoke"
    await browser.get(place)
    await other.get("/certificates")

    for token in ("", other.token):
        reply = await browser.posted(place, token=token, reason="superseded", confirmed="yes")
        assert reply.status == 403
    assert (await stored(house, certificate)).revoked_at is None


@pytest.mark.parametrize("field", ["proof", "signature"])
async def test_the_certificates_key_revokes_at_once_where_else_an_officer_looks(tmp_path: Path, field: str) -> None:
    """RULES, S11: by the script's field, and by what openssl prints."""
    key = new_key()
    async with portal_house(tmp_path, 'kinds.person.revocation="review"') as house:
        browser, certificate = await house.signed_in(), await issued(house, key=key)
        place = f"/certificates/{certificate.serial}"
        await browser.get(f"{place}/revoke")
        assert "An officer of the registration authority looks at your request first" in browser.text
        padded = browser.attribute("data-challenge") + "=="
        challenge = urlsafe_b64decode(padded[: len(padded) - len(padded) % 4])
        assert challenge.decode() in browser.text.replace("&#39;", "'")
        await browser.post(f"{place}/prove", **{field: b64encode(sign(new_key(), challenge)).decode()})
        assert (browser.page.status, "This is no signature" in browser.text) == (422, True)
        await browser.post(f"{place}/prove", **{field: "?"})
        assert browser.page.status == 422

        signature = sign(key, challenge) if field == "proof" else by_openssl(tmp_path, key, challenge.decode())
        written = urlsafe_b64encode(signature).rstrip(b"=") if field == "proof" else b64encode(signature)
        await browser.post(f"{place}/prove", **{field: written.decode()})

        assert "The certificate is revoked;" in browser.text
        assert (await stored(house, certificate)).reason == Reason.KEY_COMPROMISE
        await browser.get("/certificates")
        reply = await browser.posted(f"{place}/prove", **{field: written.decode()})
        assert reply.status == 303


async def test_what_an_officer_looks_at_is_followed_on_its_page(tmp_path: Path) -> None:
    async with portal_house(tmp_path, 'kinds.person.revocation="review"') as house:
        browser, certificate = await house.signed_in(), await issued(house)
        place = f"/certificates/{certificate.serial}"
        await browser.get(f"{place}/revoke")

        await browser.post(f"{place}/revoke", reason="cessationOfOperation", confirmed="yes")

        assert "Your request is recorded." in browser.text
        assert "An officer looks at it, by" in browser.text
        await browser.get(f"{place}/revoke")
        assert "waits for an officer already" in browser.text
        (request,) = await house.opened.revocations.requests()
        await house.opened.revocations.reject(request.number, actor="desk:officer:alice", note="call <b>us</b>")
        for page in ("/revoke", place):
            await browser.get(page)
            assert "rejected" in browser.text
            assert "call &lt;b&gt;us&lt;/b&gt;" in browser.text


async def test_what_is_registered_is_text_on_every_page(house: PortalHouse) -> None:
    browser = house.browser()
    sheet = await house.register(subject=r"CN=\<img src\=x onerror\=alert(1)\>,O=Example,C=TW")
    await browser.sign_in("acc", initial(sheet))
    await browser.post("/password", old=initial(sheet), new=GOOD, again=GOOD)
    certificate = await issued(house)
    place = f"/certificates/{certificate.serial}"

    for page in ("/certificates", "/download", "/revoke", place, f"{place}/revoke"):
        await browser.get(page)
        assert browser.page.status == 200
        assert "&lt;img src" in browser.text
        assert "<img" not in browser.text
        policy = header(browser, "Content-Security-Policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def sign(key: ec.EllipticCurvePrivateKey, challenge: bytes) -> bytes:
    return key.sign(challenge, ec.ECDSA(hashes.SHA256()))


def by_openssl(folder: Path, key: ec.EllipticCurvePrivateKey, text: str) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    line = f"printf '%s' '{text}' | openssl dgst -sha256 -sign key.pem"
    return subprocess.run(["/bin/sh", "-c", line], cwd=folder, check=True, capture_output=True).stdout
