"""The portal's scripts in Debian's Chromium: real keys, real requests, and files that three other programs open."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from playwright.sync_api import Page

from conformance.browser import Browser, browser
from conformance.clients.device import Device
from conformance.house import House, must, run
from conformance.private_octets import private_numbers, spilled
from conformance.script_pages import Pages, served

PASSPHRASE = "憑證的通行碼-𠮷野家-2026"
LATIN = "correct horse ~battery~ staple"
_ROUNDS = 600_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"))
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def chromium(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(house, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


class Subscriber:
    """Somebody with a sheet, whose requests go to the house by EST."""

    def __init__(self, house: House, folder: Path) -> None:
        self._device = Device(house, folder / "device")
        self._sheet: dict[str, Any] = house.register(
            *("--kind", "person", "--subject", "CN=王小明,O=範例股份有限公司,C=TW", "--uses", "unlimited")
        )
        self.folder, self.trust = folder, house.trust
        self._issuers = folder / "issuers.pem"
        must("curl", "--silent", "--fail", "--cacert", house.trust, "-o", folder / "ca.b64", f"{house.est}/cacerts")
        must("openssl", "base64", "-d", "-in", folder / "ca.b64", "-out", folder / "ca.p7")
        must("openssl", "pkcs7", "-inform", "DER", "-in", folder / "ca.p7", "-print_certs", "-out", self._issuers)
        self.requests: dict[str, str] = {}

    def issue(self, profile: str, request: str) -> str | None:
        """The certificate of a request, and who issued it."""
        self.requests[profile] = request
        body = "".join(line for line in request.splitlines() if not line.startswith("-----"))
        self._device.request.write_text(body)
        if self._device.enroll(self._sheet, profile) != 200:
            return None
        return self._device.certificate.read_text() + self._issuers.read_text()


@pytest.fixture
def subscriber(house: House, tmp_path: Path) -> Subscriber:
    return Subscriber(house, tmp_path)


@pytest.fixture
def pages(subscriber: Subscriber) -> Iterator[Pages]:
    with served(subscriber.issue) as shown:
        yield shown


@pytest.fixture
def page(chromium: Browser) -> Page:
    return chromium.desk_page(None)


def apply(page: Page, pages: Pages, signing: str, encryption: str, passphrase: str = PASSPHRASE) -> None:
    page.goto(f"{pages.url}/apply")
    page.get_by_label("Key of signing").select_option(signing)
    page.get_by_label("Key of encryption").select_option(encryption)
    page.get_by_label("Passphrase").fill(passphrase)
    page.get_by_label("Again").fill(passphrase)
    page.get_by_role("button", name="Send").click()


def downloaded(page: Page, profile: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=f"Download {profile}").click()
    assert waiting.value.suggested_filename == f"{profile}.p12"
    waiting.value.save_as(folder / f"{profile}.p12")
    return folder / f"{profile}.p12"


@pytest.mark.parametrize("types", [("ec-p256", "rsa-2048"), ("ec-p384", "rsa-3072")])
@pytest.mark.parametrize("passphrase", [PASSPHRASE, LATIN])
def test_two_keys_become_two_files_that_openssl_nss_and_java_open(
    types: tuple[str, str], passphrase: str, page: Page, pages: Pages, subscriber: Subscriber
) -> None:
    begun = time.monotonic()
    apply(page, pages, *types, passphrase)
    files = {profile: downloaded(page, profile, subscriber.folder) for profile in ("signing", "encryption")}
    seconds = time.monotonic() - begun

    for profile, file in files.items():
        is_what_was_asked_for(file, passphrase, subscriber.requests[profile], subscriber.trust)
        if passphrase == LATIN:
            # Java opens none under other characters, whoever has made it (17 says "Password is not ASCII").
            assert f"王小明 {profile}" in opened_by_java(file, passphrase)
        else:
            assert f"王小明 {profile}" in opened_by_nss(file, passphrase)
            # As the pages say: Java's way with such files knows no other characters.
            assert "password was incorrect" in refused_by_java(file, passphrase)
    assert seconds < 30


def test_nothing_of_a_private_key_or_of_the_passphrase_leaves_the_tab(page: Page, pages: Pages, tmp_path: Path) -> None:
    sent: list[bytes] = []
    page.on("request", lambda request: sent.append(request.url.encode() + b"\n" + (request.post_data_buffer or b"")))
    apply(page, pages, "ec-p256", "rsa-2048")
    files = [downloaded(page, profile, tmp_path) for profile in ("signing", "encryption")]

    everything = b"\n".join(sent) + "".join("".join(fields.values()) for fields in pages.posted).encode()

    (fields,) = pages.posted
    assert sorted(fields) == ["csr.encryption", "csr.signing", "go", "profile"]
    keys = [load_pem_private_key(opened(file, PASSPHRASE).read_bytes(), None) for file in files]
    numbers = [number for key in keys for number in private_numbers(key)]
    assert spilled(everything, [PASSPHRASE.encode(), *numbers]) == []


def test_a_key_waits_in_the_browser_until_somebody_comes_for_its_certificate(
    page: Page, pages: Pages, tmp_path: Path
) -> None:
    pages.holds_back = True
    apply(page, pages, "ec-p256", "ec-p384")
    page.wait_for_url("**/waiting")
    later = page.context.new_page()
    page.close()

    later.goto(f"{pages.url}/issued")
    signing = later.locator("section", has=later.get_by_role("heading", name="signing"))
    signing.get_by_label("Passphrase").fill("another one")
    signing.get_by_role("button", name="Make").click()
    signing.get_by_text("Another one").wait_for()
    signing.get_by_label("Passphrase").fill(PASSPHRASE)
    signing.get_by_role("button", name="Make").click()

    assert "PRIVATE KEY" in opened(downloaded(later, "signing", tmp_path), PASSPHRASE).read_text("latin-1")
    later.get_by_role("button", name="Forget signing").click()
    later.get_by_text("Forgotten signing").wait_for()
    later.reload()
    later.get_by_text("No key of signing here").wait_for()
    assert later.get_by_role("button", name="Make").count() == 1


def test_after_a_refusal_the_keys_are_forgotten_and_the_form_is_there_again(page: Page, pages: Pages) -> None:
    issue, pages.issue = pages.issue, lambda *_: None
    apply(page, pages, "ec-p256", "ec-p256")
    page.get_by_text("No.").wait_for()
    kept = page.evaluate(_KEPT)
    pages.issue = issue

    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_label("Again").fill(PASSPHRASE)
    page.get_by_role("button", name="Send").click()

    page.get_by_role("link", name="Download encryption").wait_for()
    assert kept == 0
    assert page.evaluate(_KEPT) == 2
    assert page.url == f"{pages.url}/issued"


def test_a_server_that_breaks_may_have_issued_so_that_keys_stay(page: Page, pages: Pages) -> None:
    pages.breaks = True
    apply(page, pages, "ec-p256", "ec-p256")
    page.get_by_role("heading", name="Broken").wait_for()

    page.goto(f"{pages.url}/issued")

    page.get_by_label("Passphrase").first.wait_for()
    assert page.get_by_role("button", name="Make").count() == 2


def test_a_link_within_the_answer_loads_nothing_and_the_way_back_leads_to_the_form(page: Page, pages: Pages) -> None:
    apply(page, pages, "ec-p256", "ec-p256")
    page.get_by_role("link", name="Download encryption").wait_for()

    page.get_by_role("link", name="Skip").click()
    still_there = page.get_by_role("link", name="Download encryption").is_visible()
    page.go_back()
    page.go_back()
    page.get_by_role("heading", name="Apply").wait_for()

    assert still_there
    assert page.url == f"{pages.url}/apply"


_KEPT = """() => new Promise((done) => {
  const opening = indexedDB.open("soapstone");
  opening.onsuccess = () => {
    const counting = opening.result.transaction("keys").objectStore("keys").count();
    counting.onsuccess = () => { opening.result.close(); done(counting.result); };
  };
})"""


def test_a_passphrase_that_is_short_or_mistyped_sends_nothing(page: Page, pages: Pages) -> None:
    apply(page, pages, "ec-p256", "ec-p256", "short")
    refused = page.locator("input:invalid").count()
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Send").click()

    page.get_by_text("Not the same").wait_for()

    assert refused == 1
    assert not page.get_by_text("Too short").is_visible()
    assert pages.posted == []


def test_a_request_made_elsewhere_needs_no_passphrase(
    page: Page, pages: Pages, tmp_path: Path, subscriber: Subscriber
) -> None:
    key, der = tmp_path / "key.pem", tmp_path / "request.der"
    must("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    must("openssl", "req", "-new", "-key", key, "-subj", "/CN=mine", "-outform", "DER", "-out", der)
    page.goto(f"{pages.url}/apply")
    page.get_by_label("Key of signing").select_option("own")
    page.get_by_role("checkbox", name="encryption").uncheck()
    page.get_by_label("File of signing").set_input_files(der)

    page.get_by_role("button", name="Send").click()

    page.get_by_text("No key of signing here").wait_for()
    assert not page.get_by_label("Again").is_visible()
    asked = tmp_path / "asked.pem"
    asked.write_text(subscriber.requests["signing"])
    public = must("openssl", "req", "-in", asked, "-noout", "-pubkey")
    assert public == must("openssl", "pkey", "-in", key, "-pubout")


def test_without_javascript_a_request_can_be_pasted(chromium: Browser, pages: Pages) -> None:
    page = chromium.desk_page(None, javascript=False)

    page.goto(f"{pages.url}/apply")

    assert page.get_by_label("Request of signing").is_visible()
    assert not page.get_by_label("Key of signing").is_visible()
    assert not page.get_by_label("Passphrase").is_visible()


def is_what_was_asked_for(file: Path, passphrase: str, request: str, trust: Path) -> None:
    """The key of the request, its certificate under the anchor, and the promised ways of encrypting."""
    asked, pem = file.with_suffix(".csr"), opened(file, passphrase)
    asked.write_text(request)
    must("openssl", "req", "-in", asked, "-verify", "-noout")
    key = must("openssl", "pkey", "-in", pem, "-pubout")
    assert key == must("openssl", "x509", "-in", pem, "-noout", "-pubkey")
    assert key == must("openssl", "req", "-in", asked, "-noout", "-pubkey")
    must("openssl", "verify", "-CAfile", trust, "-untrusted", pem, pem)
    described = run("openssl", "pkcs12", "-in", file, "-passin", f"pass:{passphrase}", "-info", "-noout").stderr
    assert described.count(f"PBES2, PBKDF2, AES-256-CBC, Iteration {_ROUNDS}, PRF hmacWithSHA256") == 2
    assert f"MAC: sha256, Iteration {_ROUNDS}" in described


def opened(file: Path, passphrase: str) -> Path:
    """Everything in a PKCS #12, in PEM, by openssl, which writes names of Chinese characters as it can."""
    pem = file.with_suffix(".pem")
    must("openssl", "pkcs12", "-in", file, "-passin", f"pass:{passphrase}", "-nodes", "-out", pem)
    return pem


def opened_by_java(file: Path, passphrase: str) -> str:
    """What keytool says of taking the key over into a store of Java's, which takes decrypting it."""
    done = given_to_java(file, passphrase)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def refused_by_java(file: Path, passphrase: str) -> str:
    """What keytool says of a file that it cannot open."""
    done = given_to_java(file, passphrase)
    assert done.returncode != 0
    return done.stdout + done.stderr


def given_to_java(file: Path, passphrase: str) -> subprocess.CompletedProcess[str]:
    secret, store = file.with_suffix(".txt"), file.with_suffix(".jks")
    secret.write_text(passphrase)
    return run(
        *(
            "keytool",
            "-J-Dfile.encoding=UTF-8",
            "-J-Dstderr.encoding=UTF-8",
            "-J-XX:TieredStopAtLevel=1",
            "-importkeystore",
        ),
        *("-noprompt", "-srckeystore", file, "-srcstoretype", "PKCS12", "-srcstorepass:file", secret),
        *("-destkeystore", store, "-deststorepass", "changeit"),
    )


def opened_by_nss(file: Path, passphrase: str) -> str:
    """The keys of a browser's database once the file was imported into it."""
    database, secret = file.with_suffix(".nss"), file.with_suffix(".txt")
    database.mkdir()
    secret.write_text(passphrase)
    must("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    must("pk12util", "-d", f"sql:{database}", "-i", file, "-w", secret)
    return must("certutil", "-K", "-d", f"sql:{database}")
