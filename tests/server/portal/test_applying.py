"""Applying and renewing on the portal's pages, as a browser without JavaScript does it."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509

from ca_core.errors import BadCsr
from protocols.wire import Reply
from server.bridge import MOST_BODY_OCTETS
from server.portal.application_form import MOST_FILE_OCTETS, csr_in
from tests.builders.portal_house import FORM, GOOD, Browser, PortalHouse, initial, portal_house
from tests.builders.subscribers import fresh

DAY = 86_400
YEAR = 365 * DAY
AGREEMENT = "<h1>Terms</h1><p>You keep <b>your</b> key.</p><script>steal()</script><p>We keep our word.</p>"


@asynccontextmanager
async def issuing(tmp_path: Path, *settings: str) -> AsyncIterator[PortalHouse]:
    async with portal_house(tmp_path, *settings) as house:
        await house.keep()
        yield house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[PortalHouse]:
    async with issuing(tmp_path) as house:
        yield house


def pem(der: bytes) -> str:
    text = b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----"])


def asking(**csrs: str) -> list[tuple[str, str]]:
    return [pair for profile, csr in csrs.items() for pair in (("profile", profile), (f"csr.{profile}", csr))]


async def send(browser: Browser, path: str, fields: list[tuple[str, str]]) -> Reply:
    body = urlencode([("csrf", browser.token), *fields]).encode()
    browser.page = await browser.sent("POST", path, {"content-type": FORM, "sec-fetch-site": "same-origin"}, body)
    return browser.page


async def upload(browser: Browser, fields: dict[str, str], files: dict[str, bytes]) -> None:
    """Send the form of the page as browsers send it by themselves, with files."""
    sent = {name: value.encode() for name, value in ({"csrf": browser.token} | fields).items()}
    heads = {name: f'name="{name}"' for name in sent} | {name: f'name="{name}"; filename="a.csr"' for name in files}
    body = b"".join(
        f"--x\r\nContent-Disposition: form-data; {heads[name]}\r\n\r\n".encode() + content + b"\r\n"
        for name, content in (sent | files).items()
    )
    headers = {"content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "same-origin"}
    browser.page = await browser.sent("POST", "/apply", headers, body + b"--x--\r\n")


async def applied(browser: Browser) -> list[str]:
    """Apply for both; returns their serials."""
    await browser.get("/apply")
    await send(browser, "/apply", asking(signing=pem(fresh()), encryption=pem(fresh())))
    assert browser.page.status == 200, browser.text
    return list(dict.fromkeys(re.findall("/apply/lost/([0-9a-f]{40})", browser.text)))


async def test_both_certificates_are_issued_by_one_form_and_a_form_sent_twice_issues_once(house: PortalHouse) -> None:
    browser = await house.signed_in()
    await browser.get("/apply")
    assert "CN=Alice,O=Example,C=TW" in browser.text
    assert browser.text.count("data-profile=") == 2
    fields = asking(signing=pem(fresh()), encryption=pem(fresh()))

    first = await send(browser, "/apply", fields)
    again = await send(browser, "/apply", fields)

    assert (first.status, again.status) == (200, 200)
    serials = set(re.findall("/certificates/([0-9a-f]{40})", first.body.decode()))
    assert len(serials) == 2
    assert len(await house.opened.revocations.every((await house.opened.desk.show("acc")).id)) == 2


async def test_what_was_issued_carries_the_certificates_that_lead_to_the_root(house: PortalHouse) -> None:
    browser = await house.signed_in()
    await applied(browser)

    templates = re.findall("<template data-chain>(.*?)</template>", browser.text, re.DOTALL)

    for text in templates:
        leaf, issuer = x509.load_pem_x509_certificates(text.encode())
        leaf.verify_directly_issued_by(issuer)
        issuer.verify_directly_issued_by(house.room.roots()[0])
    assert len(templates) == 2


async def test_without_a_profile_or_a_request_nothing_is_issued_and_the_page_says_so(house: PortalHouse) -> None:
    browser = await house.signed_in()
    await browser.get("/apply")

    assert (await send(browser, "/apply", [])).status == 422
    assert "Choose at least one certificate." in browser.text
    assert (await send(browser, "/apply", asking(signing=pem(fresh()), encryption="no base64!"))).status == 422
    assert "neither PEM nor base64" in browser.text
    assert (await send(browser, "/apply", asking(signing=""))).status == 422
    one = pem(fresh())
    assert (await send(browser, "/apply", asking(signing=one, encryption=one))).status == 409
    assert (await send(browser, "/apply", asking(none=pem(fresh())))).status == 422
    assert await house.opened.revocations.every((await house.opened.desk.show("acc")).id) == []


@pytest.mark.parametrize(
    "written",
    [lambda der: der, lambda der: b"\xef\xbb\xbfText\n" + pem(der).encode(), b64encode],
    ids=["DER", "PEM", "base64"],
)
async def test_a_request_comes_as_a_file_from_a_browser_without_scripts(
    house: PortalHouse, written: Callable[[bytes], bytes]
) -> None:
    browser = await house.signed_in()
    await browser.get("/apply")
    assert 'enctype="multipart/form-data"' in browser.text

    await upload(browser, {"profile": "signing", "csr.signing": ""}, {"file.signing": written(fresh())})

    assert browser.page.status == 200, browser.text
    assert "Your certificates are issued" in browser.text


async def test_a_file_that_is_no_request_issues_nothing_and_is_told(house: PortalHouse) -> None:
    browser = await house.signed_in()
    await browser.get("/apply")
    fields = {"profile": "signing", "csr.signing": ""}

    told = dict[bytes, tuple[int, bool]]()
    for content in (b"", b"\x89PNG\r\n\x1a\n", b"0\x82\x00\x01\x00", b"A" * (MOST_FILE_OCTETS + 1)):
        await upload(browser, fields, {"file.signing": content})
        told[content[:4]] = browser.page.status, "Nothing was issued" in browser.text

    assert set(told.values()) == {(422, True)}
    assert f"{MOST_FILE_OCTETS} octets" in browser.text
    await upload(browser, fields, {"file.signing": b"A" * MOST_BODY_OCTETS})
    assert browser.page.status == 413
    assert await house.opened.revocations.every((await house.opened.desk.show("acc")).id) == []


async def test_a_form_with_a_file_needs_the_token_of_the_page(house: PortalHouse) -> None:
    browser = await house.signed_in()
    await browser.get("/apply")

    await upload(browser, {"csrf": "another", "profile": "signing"}, {"file.signing": fresh()})

    assert browser.page.status == 403


async def test_a_form_of_another_session_is_refused(house: PortalHouse) -> None:
    browser, other = await house.signed_in(), await house.signed_in("lin")
    await other.get("/apply")
    await browser.get("/apply")

    body = urlencode([("csrf", other.token), *asking(signing=pem(fresh()))]).encode()
    reply = await browser.sent("POST", "/apply", {"content-type": FORM, "sec-fetch-site": "same-origin"}, body)
    elsewhere = await browser.sent("POST", "/apply", {"content-type": FORM, "sec-fetch-site": "cross-site"}, body)

    assert (reply.status, elsewhere.status) == (403, 403)


async def test_before_the_window_the_page_says_when_it_opens_and_inside_it_renews_both(house: PortalHouse) -> None:
    browser = await house.signed_in()
    await applied(browser)
    await browser.get("/renew")
    assert browser.text.count("It can be renewed from this time on:") == 2
    assert '<form method="post" action="/renew"' not in browser.text

    house.move(YEAR - 20 * DAY)
    await house.keep()
    await browser.sign_in("acc", GOOD)
    await browser.get("/renew")
    assert browser.text.count("It is time to renew it.") == 2
    serials = dict(re.findall('name="serial.([a-z]+)" value="([0-9a-f]{40})"', browser.text))
    fields = asking(**{profile: pem(fresh()) for profile in serials})
    fields += [(f"serial.{profile}", serial) for profile, serial in serials.items()]

    await send(browser, "/renew", fields)

    assert browser.page.status == 200, browser.text
    assert "Your certificates are renewed" in browser.text
    await browser.get("/renew")
    assert browser.text.count("It was renewed; the new one is valid until:") == 2
    registration = await house.opened.desk.show("acc")
    assert {one.replaces for one in await house.opened.revocations.every(registration.id)} == {*serials.values(), None}


async def test_after_its_end_the_page_says_what_to_do_and_renews_nothing(house: PortalHouse) -> None:
    browser = await house.signed_in()
    (serial, _) = await applied(browser)
    house.move(YEAR + DAY)
    await house.keep()
    await browser.sign_in("acc", GOOD)

    await browser.get("/renew")
    assert browser.text.count("An expired certificate renews nothing.") == 2
    refused = await send(browser, "/renew", [*asking(signing=pem(fresh())), ("serial.signing", serial)])

    assert refused.status == 409
    await applied(browser)


async def test_a_lost_key_leads_to_another_certificate(house: PortalHouse) -> None:
    browser = await house.signed_in()
    (serial, _) = await applied(browser)
    await browser.get(f"/apply/lost/{serial}")
    assert "It is revoked at once" in browser.text
    assert (await browser.post(f"/apply/lost/{serial}", reason="cessationOfOperation")).status == 422
    await browser.get(f"/apply/lost/{serial}")

    await browser.post(f"/apply/lost/{serial}", reason="superseded")

    assert "Another one can take its place now." in browser.text
    await browser.get("/apply")
    assert browser.text.count("<fieldset data-profile=") == 1
    await send(browser, "/apply", asking(signing=pem(fresh())))
    assert browser.page.status == 200


async def test_what_is_anothers_is_not_found(house: PortalHouse) -> None:
    browser, other = await house.signed_in(), await house.signed_in("lin")
    (serial, _) = await applied(other)

    for path in (f"/apply/lost/{serial}", f"/apply/lost/{'0' * 40}", "/apply/lost/nothing"):
        assert (await browser.get(path)).status == 404
    await browser.get("/apply")
    assert (await browser.post(f"/apply/lost/{serial}", reason="superseded")).status == 404
    renewing = [*asking(signing=pem(fresh())), ("serial.signing", serial)]
    assert (await send(browser, "/renew", renewing)).status == 404


async def test_what_waits_for_an_officer_is_said_and_listed(tmp_path: Path) -> None:
    async with issuing(tmp_path, 'profiles.signing.approval="always"') as house:
        browser = await house.signed_in()
        await browser.get("/apply/requests")
        assert "Nothing waits." in browser.text
        await browser.get("/apply")

        await send(browser, "/apply", asking(signing=pem(fresh()), encryption=pem(fresh())))

        assert "Waits for an officer" in browser.text
        await browser.get("/apply/requests")
        assert "Signing certificate" in browser.text
        await browser.get("/apply")
        assert "Request number 1." in browser.text
        await house.opened.referrals.reject(1, actor="cli:operator:olivia", note="<b>ring</b> first")
        await browser.get("/apply/requests")
        assert "&lt;b&gt;ring&lt;/b&gt; first" in browser.text


async def test_the_agreement_is_read_and_accepted_on_the_page_once(tmp_path: Path) -> None:
    text = tmp_path / "terms.html"
    text.write_text(AGREEMENT)
    async with issuing(tmp_path, f'agreement.file="{text}"', 'agreement.version="2026"') as house:
        browser = await house.signed_in()
        await browser.get("/apply")
        assert "You keep your key." in browser.text
        assert "steal" not in browser.text
        accepted = [("version", browser.field("version")), ("sha256", browser.field("sha256")), ("agreement", "yes")]

        assert (await send(browser, "/apply", asking(signing=pem(fresh())))).status == 422
        assert "Read the agreement and accept it" in browser.text
        old = [("version", "2025"), ("sha256", "00"), ("agreement", "yes")]
        assert (await send(browser, "/apply", [*asking(signing=pem(fresh())), *old])).status == 409
        assert (await send(browser, "/apply", [*asking(signing=pem(fresh())), *accepted])).status == 200

        await browser.get("/apply")
        assert "You accepted version 2026" in browser.text
        assert (await send(browser, "/apply", asking(encryption=pem(fresh())))).status == 200


async def test_html_in_what_is_registered_stays_text(house: PortalHouse) -> None:
    sheet = await house.register("evil", subject="CN=\\<script\\>alert(1)\\</script\\>,O=Example,C=TW")
    browser = house.browser()
    await browser.sign_in("evil", initial(sheet))
    await browser.post("/password", old=initial(sheet), new=GOOD, again=GOOD)

    for path in ("/apply", "/renew"):
        await browser.get(path)
        assert browser.page.status == 200
        assert "<script>alert" not in browser.text


@pytest.mark.parametrize("path", ["/apply", "/renew", "/apply/requests"])
async def test_whoever_is_not_signed_in_is_asked_to(house: PortalHouse, path: str) -> None:
    browser = house.browser()

    await browser.get(path)

    assert browser.path == "/sign-in"


@pytest.mark.parametrize("path", ["/apply", "/renew", "/apply/requests"])
async def test_the_pages_speak_chinese(house: PortalHouse, path: str) -> None:
    browser = await house.signed_in()
    await applied(browser)
    browser.language = "zh-TW"

    await browser.get(path)

    assert browser.page.status == 200
    assert 'lang="zh-Hant"' in browser.text


def test_a_request_is_found_in_what_stands_around_it() -> None:
    text = f"Certificate Request:\n    Data:\n{pem(b'abc')}\n{pem(b'def')}"

    assert csr_in(text) == b"abc"
    assert csr_in(b64encode(b"abc").decode()) == b"abc"
    with pytest.raises(BadCsr):
        csr_in("-----BEGIN CERTIFICATE REQUEST-----\nYWJj")


def test_beginnings_without_an_end_are_read_once() -> None:
    text = "-----BEGIN CERTIFICATE REQUEST-----" * 1_800
    took = []
    for _ in range(3):
        before = time.process_time()
        with pytest.raises(BadCsr):
            csr_in(text)
        took.append(time.process_time() - before)

    # From each of them to the end of the text would be half a second.
    assert min(took) < 0.05
