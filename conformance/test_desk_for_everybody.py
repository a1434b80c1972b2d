"""Every page of the desk that links and forms lead to, in both languages: it is there, and open to everybody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.browser import LANGUAGES, Browser, barriers, browser, follow
from conformance.clients.device import Device
from conformance.desk_scene import FIRM, PERSON, SETTINGS, Scene
from conformance.desk_walk import pages
from conformance.house import House

_ENDING = (
    "UPDATE registrations SET expires_at = strftime('%s', 'now') + 864000 WHERE account IN ('shop-1', 'meter-1')",
    "UPDATE registrations SET expires_at = strftime('%s', 'now') - 86400 WHERE account = 'wang-1'",
    "UPDATE certificates SET not_after = strftime('%s', 'now') + 86400 WHERE profile = 'encryption'",
)
_ADVICE = {"en": "Go back to the page before", "zh-Hant": "請回前一頁重新操作"}
_CHECK = 'button[name="step"][value="check"]'


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("desk")
    house = House(folder, *SETTINGS)
    try:
        house.start()
        with browser(house, folder / "browser") as opened:
            yield opened
    finally:
        house.close()


@pytest.fixture(scope="module")
def scene(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(chromium.house, chromium, tmp_path_factory.mktemp("scene"))


def test_every_number_of_the_overview_leads_to_as_many_lines(chromium: Browser, scene: Scene) -> None:
    house = chromium.house
    sheet = house.register("--kind", "device", "--subject", "CN=shut-1,C=TW", "--account", "shut-1")
    house.command("suspend", "shut-1")
    assert Device(house, scene.folder / "shut").enroll(sheet) == 403
    for change in _ENDING:
        house.behind_its_back(change)
    page = chromium.desk_page(scene.carol, javascript=False)
    page.goto("/")
    rows = page.locator("main tbody tr")
    counted = {row.locator("a").get_attribute("href"): int(row.locator("td").inner_text()) for row in rows.all()}

    listed = {}
    for place in counted:
        page.goto(str(place))
        listed[place] = page.locator("main tbody tr").count()

    assert listed == counted
    assert len(counted) == 6
    assert all(counted.values())


def test_another_language_shows_the_same_page(chromium: Browser, scene: Scene) -> None:
    page = chromium.desk_page(scene.carol, javascript=False)
    page.goto("/journal?event=registered&account=wang-1&actor=")

    follow(page.get_by_role("link", name="繁體中文"))

    assert page.locator('select[name="event"]').input_value() == "registered"
    assert page.locator('input[name="account"]').input_value() == "wang-1"
    assert page.locator("html").get_attribute("lang") == "zh-Hant"
    assert page.locator("main tbody tr").count() == 1
    assert "系統管理員" in page.inner_text("main tbody .told")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_form_leads_to_is_for_everybody(chromium: Browser, scene: Scene, language: str) -> None:
    page = chromium.desk_page(scene.carol, language)
    account, found = f"posted-{len(language)}", {}

    def sent(name: str, button: str, **fields: str) -> None:
        for field, text in fields.items():
            page.locator(f'[name="{field}"]').fill(text)
        # What a browser would not send is said by the desk as well.
        page.locator("main form").evaluate_all("forms => forms.forEach(form => { form.noValidate = true })")
        with page.expect_navigation():
            page.locator(button).click()
        found[name] = barriers(page)
        assert page.locator("html").get_attribute("lang") == language, name

    page.goto("/register/person")
    sent("faults", _CHECK, subject="CN=Wang,C=XX", account=account)
    sent("check", _CHECK, subject="CN=Wang,C=TW")
    sent("sheet", 'button[name="as"][value="show"]')
    page.goto(f"/registrations/{account}/suspend")
    sent("suspended", "main form button")
    (held,) = [one["serial"] for one in scene.house.certificates(FIRM) if one["names"] == ["dns:www.shop.example"]]
    page.goto(f"/certificates/{held}/revoke")
    sent("no reason", "main form button")
    page.goto(f"/registrations/{account}/resume")
    page.locator('input[name="csrf"]').evaluate("field => field.remove()")
    sent("refused", "main form button")
    told = page.locator("main > p").first.inner_text()

    assert {name: said for name, said in found.items() if said} == {}
    assert told.startswith(_ADVICE[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_for_everybody_and_no_link_leads_nowhere(chromium: Browser, scene: Scene, language: str) -> None:
    page = chromium.desk_page(scene.carol, language)

    found = {}
    for name, path in pages(page, f"/registrations/{PERSON}", f"/registrations/{FIRM}"):
        found[name] = barriers(page)
        assert page.locator("html").get_attribute("lang") == language, path
        assert page.locator("script").count() == 0, path

    assert {name: said for name, said in found.items() if said} == {}
    assert {"overview", "register", "register-person", "registrations-one"} <= set(found)
