"""Another site in Debian's Chromium: it frames the portal, sends its forms and opens its pages, and gets nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from conformance.browser import Browser, browser
from conformance.hostile.portal import COOKIE, PASSWORD, POSTS, Subscriber, placed
from conformance.house import House

EVIL = "https://evil.example"
_FORM = """<form method="post" enctype="{kind}" action="{action}">{fields}</form>
<script>document.forms[0].submit()</script>"""


@pytest.fixture(scope="module")
def chromium(portal: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(portal, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def somebody(portal: House) -> Subscriber:
    made = Subscriber(portal)
    made.enter()
    made.certify("signing")
    made.device()
    return made


@pytest.fixture
def page(chromium: Browser, somebody: Subscriber) -> Iterator[Page]:
    """Of somebody who is signed in, and then comes upon another site."""
    opened = chromium.portal_page()
    opened.goto("/sign-in")
    opened.locator("#account").fill(somebody.account)
    opened.locator("#password").fill(PASSWORD)
    opened.locator("form[data-sign-in] button").click()
    expect(opened.locator("nav.tabs")).to_be_visible()
    yield opened
    chromium.close_pages()


def lure(page: Page, html: str) -> None:
    """Have another site serve a page, and go there."""
    page.route(f"{EVIL}/**", lambda route: route.fulfill(body=f"<!doctype html>{html}", content_type="text/html"))
    page.goto(f"{EVIL}/")


def test_no_page_of_the_portal_stands_in_a_frame(page: Page, portal: House) -> None:
    ours = f"https://localhost:{portal.port}"
    places = ("/certificates", "/password", "/sign-in", "/nowhere", "/help/", "/agreement/1", "/assets/nowhere.css")
    lure(page, "".join(f'<iframe name="{place}" src="{ours}{place}"></iframe>' for place in places))
    page.wait_for_load_state("networkidle")

    for place in places:
        frame = page.frame(name=place)
        assert frame is not None
        assert frame.url.startswith("chrome-error://"), (place, frame.url)
        assert "Certificate" not in frame.content()


def test_a_form_of_another_site_does_nothing(page: Page, somebody: Subscriber) -> None:
    id_ = somebody.rows("SELECT max(id) FROM credentials WHERE registration_id = :them AND kid IS NOT NULL")[0][0]
    fields = {"csrf": somebody.csrf, "reason": "superseded", "confirmed": "yes", "note": "x"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    tried = [(path, "application/x-www-form-urlencoded") for path in POSTS]
    tried += [("/devices/new/{what}", kind) for kind in ("text/plain", "multipart/form-data")]
    before = somebody.state
    for path, kind in tried:
        place = placed(path, serial=somebody.held()["signing"], id=id_)
        action = f"https://localhost:{somebody.house.port}{place}"
        page.unroute_all()
        with page.expect_response(action) as answer:
            lure(page, _FORM.format(kind=kind, action=action, fields=inputs))
        assert answer.value.status == 403, place

    assert somebody.state == before


def test_a_script_of_another_site_reads_nothing_and_does_nothing(page: Page, somebody: Subscriber) -> None:
    ours, before = f"https://localhost:{somebody.house.port}", somebody.state
    lure(page, "<p>win a prize</p>")
    tried = page.evaluate(
        """async ([ours, body]) => {
            const seen = [];
            for (const mode of ["cors", "no-cors"])
                for (const method of ["GET", "POST"])
                    for (const path of ["/certificates", "/password", "/devices/new/key"])
                        try {
                            const answer = await fetch(ours + path, {
                                method, mode, credentials: "include",
                                body: method === "POST" ? new URLSearchParams(body) : undefined,
                            });
                            seen.push(answer.type + answer.status + await answer.text());
                        } catch (error) { seen.push("refused"); }
            return seen;
        }""",
        [ours, urlencode({"csrf": somebody.csrf, "note": "x"})],
    )

    assert set(tried) <= {"refused", "opaque0"}, json.dumps(tried)[:500]
    assert somebody.state == before


def test_a_page_that_another_site_has_opened_is_out_of_its_reach(page: Page, portal: House) -> None:
    lure(page, "<p>click</p>")
    with page.expect_popup() as opened:
        page.evaluate("url => { window.held = window.open(url) }", f"https://localhost:{portal.port}/certificates")
    expect(opened.value.locator("h1")).to_be_visible()

    assert opened.value.evaluate("window.opener") is None
    assert page.evaluate("window.held.closed") is True


def test_no_script_of_a_page_can_read_the_session(page: Page) -> None:
    page.goto("/certificates")

    assert COOKIE not in page.evaluate("document.cookie")
    assert page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))") == []


def test_nothing_that_is_written_into_a_page_runs(page: Page) -> None:
    """The last fence: what would get past all others is stopped by the policy."""
    page.goto("/certificates")
    page.evaluate(
        """() => {
            window.ran = [];
            document.body.insertAdjacentHTML("beforeend", '<img src="/nowhere.png" onerror="window.ran.push(1)">');
            const framed = document.createElement("iframe");
            framed.srcdoc = "<script>parent.ran.push(2)</" + "script>";
            document.body.append(framed);
            const script = document.createElement("script");
            script.textContent = "window.ran.push(3)";
            document.body.append(script);
            const base = document.createElement("base");
            base.href = "https://evil.example/";
            document.head.append(base);
            const style = document.createElement("link");
            style.rel = "stylesheet";
            style.href = "https://evil.example/x.css";
            document.head.append(style);
        }"""
    )
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.ran") == []
    assert page.evaluate("document.baseURI").startswith("https://localhost:")
    assert page.evaluate("fetch('https://evil.example/').then(() => 'sent', () => 'refused')") == "refused"
