"""Keys and codes that a subscriber makes on the page work in certbot and curl, within their limits, until revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.clients.certbot import Certbot
from conformance.house import House, run
from conformance.portal_page import Page, signed_in

_DEACTIVATING = re.compile(r'href="(/devices/accounts/[0-9a-f]+/deactivate)"')
_REGISTERING = ("--agree-tos", "-m", "holder@example.com")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"), 'portal.gate="off"')
    try:
        house.start()
        yield house
        assert "Traceback" not in house.log, house.log[-4000:]
    finally:
        house.close()


@pytest.fixture(scope="module")
def page(house: House) -> Page:
    return signed_in(house, "--zone", "panel.example", "--profile", "tls-server", "--profile", "device")


def revoke(page: Page) -> None:
    """The newest of all."""
    page.get("/devices")
    found = re.search(r'href="(/devices/[0-9a-f]+/revoke)"', page.text)
    assert found is not None
    page.get(found[1])
    assert page.post(found[1]) == 200


def test_a_key_made_on_the_page_works_in_certbot_for_its_names_until_revoked(
    house: House, page: Page, tmp_path: Path
) -> None:
    page.get("/devices/new/key")
    assert page.post("/devices/new/key", note="web", names="www.panel.example\n.shop.panel.example") == 200
    kid, mac_key = page.secrets
    sheet = {"eab": {"kid": kid, "hmac_key": mac_key}}
    certbot = Certbot(house, tmp_path)

    first = certbot.certonly("www.panel.example", sheet)
    other = certbot.certonly("mail.panel.example", sheet)
    page.get("/devices")
    seen = page.text
    revoke(page)
    stopped = certbot.certonly("a.shop.panel.example", sheet)

    assert first.returncode == 0, first.stderr
    assert certbot.live("www.panel.example").exists()
    assert other.returncode != 0
    assert "this EAB key is not for dns:mail.panel.example" in other.stdout + other.stderr
    assert "ordered last:" in seen
    assert stopped.returncode != 0
    assert "revoked" in stopped.stdout + stopped.stderr


def test_an_account_that_certbot_bound_is_seen_with_its_last_use_and_stopped_on_the_page(
    house: House, page: Page, tmp_path: Path
) -> None:
    page.get("/devices/new/key")
    assert page.post("/devices/new/key", note="two machines") == 200
    kid, mac_key = page.secrets
    sheet = {"eab": {"kid": kid, "hmac_key": mac_key}}
    stopped, other = Certbot(house, tmp_path / "one"), Certbot(house, tmp_path / "two")
    assert stopped("register", *_REGISTERING, "--eab-kid", kid, "--eab-hmac-key", mac_key).returncode == 0
    page.get("/devices")
    unused = page.text
    assert stopped.certonly("one.panel.example", sheet).returncode == 0
    page.get("/devices")
    # The newest key stands first.
    used, place = page.text, _DEACTIVATING.findall(page.text)[0]
    assert other.certonly("two.panel.example", sheet).returncode == 0
    page.get(place)
    assert page.post(place) == 200

    refused = stopped.certonly("three.panel.example", sheet)
    goes_on = other.certonly("four.panel.example", sheet)

    assert "never ordered anything" in unused
    assert "ordered last:" in used
    assert "never ordered anything" not in used
    assert "(deactivated)" in page.text
    assert "ACME account is deactivated" in page.text
    assert refused.returncode != 0
    assert "this account is not valid any more" in refused.stdout + refused.stderr
    assert goes_on.returncode == 0, goes_on.stderr
    page.get(place)
    assert page.post(place) == 409
    page.get("/history")
    assert "An ACME account was deactivated by" in page.text


def test_a_code_made_on_the_page_works_in_the_lines_for_curl_until_revoked(
    house: House, page: Page, tmp_path: Path
) -> None:
    page.get("/devices/new/code")
    assert page.post("/devices/new/code", note="meter", names="m1.panel.example", profiles="device") == 200
    lines = page.lines("curl").replace("/etc/ssl/soapstone/trust.pem", str(house.trust))

    first = run("bash", "-ec", "set -o pipefail\n" + lines, cwd=tmp_path)
    revoke(page)
    stopped = run("bash", "-ec", "set -o pipefail\n" + lines, cwd=tmp_path)

    assert first.returncode == 0, first.stderr
    shown = run("openssl", "x509", "-in", tmp_path / "cert.pem", "-noout", "-subject", "-ext", "subjectAltName")
    assert "DNS:m1.panel.example" in shown.stdout
    assert stopped.returncode != 0
    assert "403" in stopped.stderr
