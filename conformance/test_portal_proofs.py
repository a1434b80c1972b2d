"""The portal's scripts in Debian's Chromium: a key out of whatever file it is in signs what the server has made up."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from html import escape
from pathlib import Path

import altcha
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from playwright.sync_api import Page, sync_playwright

from conformance.house import client, must
from conformance.script_pages import Pages, served

PASSPHRASE = "憑證的通行碼 𠮷"
LATIN = "correct horse"
_KINDS = {
    "rsa": ("RSA", "rsa_keygen_bits:2048"),
    "p256": ("EC", "ec_paramgen_curve:P-256"),
    "p384": ("EC", "ec_paramgen_curve:P-384"),
    "p521": ("EC", "ec_paramgen_curve:P-521"),
}
_HASHES: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


@pytest.fixture(scope="module")
def context() -> Iterator[Page]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=client("chromium"), args=["--no-sandbox"])
        page = chromium.new_context().new_page()
        page.set_default_timeout(15_000)
        yield page
        chromium.close()


@pytest.fixture
def page(context: Page) -> Page:
    return context


@pytest.fixture
def pages() -> Iterator[Pages]:
    with served(lambda *_: None) as shown:
        yield shown


class Holder:
    """Somebody with a key and a certificate, both in files of openssl's."""

    def __init__(self, folder: Path, kind: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        algorithm, option = _KINDS[kind]
        must("openssl", "genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", self.key)
        must("openssl", "req", "-x509", "-key", self.key, "-subj", "/CN=holder", "-out", self.certificate)
        self.challenge = secrets.token_bytes(48)

    def form(self) -> str:
        """The page on which possession is proved."""
        whys = ("missing", "passphrase", "unreadable", "legacy", "other")
        said = "".join(f'<span data-why="{why}" hidden>Because {why}</span>' for why in whys)
        challenge = base64.urlsafe_b64encode(self.challenge).decode().rstrip("=")
        return f"""<form method="post" action="/proved" data-prove data-challenge="{challenge}">
<template data-certificate>{self.certificate.read_text()}</template>
<label>File <input type="file" data-key-file></label>
<label>Passphrase <input type="password" data-passphrase></label><input type="hidden" name="proof">
<p data-failed hidden>{said}</p><button>Prove</button></form>"""

    def has_signed(self, proof: bytes) -> bool:
        """Whether the certificate's key has made it; raises where it has not."""
        public = x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_key()
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(proof, self.challenge, padding.PKCS1v15(), hashes.SHA256())
        else:
            assert isinstance(public, ec.EllipticCurvePublicKey)
            public.verify(proof, self.challenge, ec.ECDSA(_HASHES[public.key_size]))
        return True


def prove(page: Page, pages: Pages, holder: Holder, file: Path | None, passphrase: str = "") -> None:
    pages.main = holder.form()
    page.goto(f"{pages.url}/main")
    if file is not None:
        page.get_by_label("File").set_input_files(file)
    page.get_by_label("Passphrase").fill(passphrase)
    page.get_by_role("button", name="Prove").click()


def proof(page: Page, pages: Pages) -> bytes:
    """What was sent, which is a signature and nothing else."""
    page.get_by_role("heading", name="Arrived").wait_for()
    (fields,) = pages.posted
    assert sorted(fields) == ["proof"]
    return base64.urlsafe_b64decode(fields["proof"] + "==")


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("form", ["pkcs8", "encrypted", "traditional", "pkcs12"])
def test_a_key_signs_out_of_whatever_file_it_is_in(
    kind: str, form: str, page: Page, pages: Pages, tmp_path: Path
) -> None:
    holder, file = Holder(tmp_path, kind), tmp_path / "file"
    key = ("-in", holder.key, "-out", file)
    match form:
        case "pkcs8":
            must("openssl", "pkcs8", "-topk8", "-nocrypt", *key)
        case "encrypted":
            must("openssl", "pkcs8", "-topk8", "-passout", f"pass:{PASSPHRASE}", *key)
        case "traditional":
            must("openssl", "pkey", "-traditional", *key)
        case _:
            made = ("-inkey", holder.key, "-in", holder.certificate, "-passout", f"pass:{PASSPHRASE}")
            must("openssl", "pkcs12", "-export", *made, "-out", file)

    prove(page, pages, holder, file, PASSPHRASE if form in {"encrypted", "pkcs12"} else "")

    assert holder.has_signed(proof(page, pages))


def test_a_key_signs_out_of_what_java_has_written(page: Page, pages: Pages, tmp_path: Path) -> None:
    holder = Holder(tmp_path, "rsa")
    first, file = tmp_path / "first.p12", tmp_path / "java.p12"
    made = ("-inkey", holder.key, "-in", holder.certificate, "-passout", f"pass:{LATIN}")
    must("openssl", "pkcs12", "-export", *made, "-out", first)
    must(
        *("keytool", "-importkeystore", "-noprompt", "-srckeystore", first, "-srcstorepass", LATIN),
        *("-destkeystore", file, "-deststoretype", "PKCS12", "-deststorepass", LATIN),
    )

    prove(page, pages, holder, file, LATIN)

    assert holder.has_signed(proof(page, pages))


def test_a_key_signs_out_of_what_nss_has_written(page: Page, pages: Pages, tmp_path: Path) -> None:
    holder = Holder(tmp_path, "p256")
    first, file, database = tmp_path / "first.p12", tmp_path / "nss.p12", tmp_path / "nss"
    database.mkdir()
    made = ("-inkey", holder.key, "-in", holder.certificate, "-name", "mine", "-passout", f"pass:{LATIN}")
    must("openssl", "pkcs12", "-export", *made, "-out", first)
    must("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    must("pk12util", "-d", f"sql:{database}", "-i", first, "-W", LATIN)
    must(
        *("pk12util", "-d", f"sql:{database}", "-o", file, "-n", "mine", "-W", LATIN),
        *("-c", "AES-256-CBC", "-C", "AES-256-CBC"),
    )

    prove(page, pages, holder, file, LATIN)

    assert holder.has_signed(proof(page, pages))


def test_what_cannot_sign_is_told_apart(page: Page, pages: Pages, tmp_path: Path) -> None:
    holder, stranger = Holder(tmp_path, "p256"), Holder(tmp_path / "stranger", "p256")
    sealed, old, noise = tmp_path / "sealed.p12", tmp_path / "old.p12", tmp_path / "noise"
    rare = tmp_path / "rare.pem"
    must(
        "openssl", "pkcs8", "-topk8", "-in", holder.key, "-v2", "aes-192-cbc", "-passout", f"pass:{LATIN}", "-out", rare
    )
    made = ("-inkey", holder.key, "-in", holder.certificate, "-passout", f"pass:{LATIN}")
    must("openssl", "pkcs12", "-export", *made, "-out", sealed)
    must("openssl", "pkcs12", "-export", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", *made, "-out", old)
    noise.write_bytes(secrets.token_bytes(500))
    wanted: list[tuple[str, Path | None, str]] = [
        ("missing", None, ""),
        ("passphrase", sealed, "wrong"),
        ("legacy", old, LATIN),
        # Chromium has no AES with keys of 192 bits.
        ("legacy", rare, LATIN),
        ("unreadable", noise, ""),
        ("other", stranger.key, ""),
    ]

    for why, file, passphrase in wanted:
        prove(page, pages, holder, file, passphrase)
        page.get_by_text(f"Because {why}").wait_for()

    assert pages.posted == []


def test_the_fragment_of_a_sheet_fills_the_form_and_is_gone(page: Page, pages: Pages) -> None:
    pages.main = """<form method="post" action="/in" data-sign-in><label>Account <input name="account"></label>
<label>Password <input type="password" name="password"></label><button>In</button></form>"""

    page.goto(f"{pages.url}/main#account=A-1&password=p%26%20%E5%AF%86")

    assert page.get_by_label("Account").input_value() == "A-1"
    assert page.get_by_label("Password").input_value() == "p& 密"
    assert page.evaluate("location.href") == f"{pages.url}/main"
    assert page.get_by_role("button", name="In").evaluate("button => button === document.activeElement")


def test_a_page_without_the_form_leads_there_and_leaves_no_secret_behind(page: Page, pages: Pages) -> None:
    pages.main = '<a href="/elsewhere" data-sign-in>Sign in</a>'

    page.goto(f"{pages.url}/main#account=A-1&password=secret")
    page.wait_for_url("**/elsewhere")

    assert page.evaluate("location.href") == f"{pages.url}/elsewhere"


def test_altcha_takes_the_work_of_the_tab_and_a_hasty_submit_waits_for_it(page: Page, pages: Pages) -> None:
    challenge = altcha.create_challenge(
        algorithm="PBKDF2/SHA-256", cost=1_000, counter=100, hmac_secret="secret", expires_at=2_000_000_000
    )
    work = escape(json.dumps(challenge.to_dict()))
    pages.main = f"""<form method="post" action="/in"><div data-work="{work}">
<input type="hidden" name="altcha" data-answer><p data-working hidden>Working</p><p data-worked hidden>Worked</p></div>
<button name="by" value="button">In</button></form>"""

    page.goto(f"{pages.url}/main")
    page.get_by_role("button", name="In").click()
    page.get_by_role("heading", name="Arrived").wait_for()

    (fields,) = pages.posted
    payload = altcha.Payload.from_base64(fields["altcha"])
    assert fields["by"] == "button"
    assert payload.solution.counter == 100
    assert altcha.verify_solution(payload, "secret").verified
