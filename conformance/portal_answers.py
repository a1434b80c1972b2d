"""All that the portal's forms lead to: somebody new makes every mistake once, and then everything right."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Locator, Page, expect

from conformance import acme
from conformance.portal_scene import AUTHENTICATOR, PASSPHRASE, PASSWORD, PortalScene

_PATIENCE_MS = 60_000
_ASKS_AGAIN = ("/devices/new/key", "/passkeys")
_WITHOUT_TOKEN = "fields => fields.forEach(field => field.remove())"


class Answers:
    """One newcomer at one browser; going through them, each page is shown when its name comes.

    Args:
        page: of nobody who is signed in.
        known: of the subscriber of the scene, who signed in a while ago.
    """

    def __init__(self, scene: PortalScene, page: Page, known: Page, account: str) -> None:
        self._scene = scene
        self.page, self._known = page, known
        self._account = account
        self._sheet = scene.register(account)

    def __iter__(self) -> Iterator[tuple[str, Page]]:
        """The name of what a form has led to, and where it is shown."""
        for part in (self._way_in, self._applying, self._renewing, self._revoking, self._devices, self._passkeys):
            for name in part():
                yield name, self.page
        for place in _ASKS_AGAIN:
            yield self._unproved(place), self._known
        for name in self._way_out():
            yield name, self.page

    def _way_in(self) -> Iterator[str]:
        page, initial = self.page, self._sheet["initial_password"]
        page.goto("/sign-in?gate=picture")
        yield self._sent("gate-refused", "form[data-sign-in]", account=self._account, password="x", code="000000")
        page.goto("/sign-in")
        yield self._sent("sign-in-refused", "form[data-sign-in]", account=self._account, password="x")
        page.goto("/sign-in")
        page.locator("form[data-passkey]").evaluate("form => form.submit()")
        page.wait_for_url("**/sign-in/passkey")
        yield "passkey-refused"
        page.goto("/sign-in")
        yield self._sent("password-first", "form[data-sign-in]", account=self._account, password=initial)
        for name, typed in (
            ("password-wrong", {"old": "x", "new": PASSWORD, "again": PASSWORD}),
            ("password-differs", {"old": initial, "new": PASSWORD, "again": f"{PASSWORD}s"}),
            ("password-short", {"old": initial, "new": "x", "again": "x"}),
            ("certificates-none-yet", {"old": initial, "new": PASSWORD, "again": PASSWORD}),
        ):
            yield self._sent(name, 'form[action="/password"]', **typed)
        for name in ("download", "revoke", "renew"):
            page.goto(f"/{name}")
            yield f"{name}-none-yet"

    def _applying(self) -> Iterator[str]:
        """With the keys of the browser: first nothing is chosen, then no passphrase, then all is well."""
        page, button = self.page, page_button(self.page, "form[data-apply]")
        page.goto("/apply")
        yield "apply-agreement"
        lenient(page)
        boxes = page.locator('input[name="profile"]')
        for box in boxes.all():
            box.uncheck()
        button.click()
        expect(page.locator(".errors")).to_be_visible(timeout=_PATIENCE_MS)
        yield "apply-nothing-chosen"
        page.goto("/apply")
        lenient(page)
        button.click()
        expect(page.locator("form[data-apply] > [data-failed]")).to_be_visible(timeout=_PATIENCE_MS)
        yield "apply-no-passphrase"
        for field in ("#passphrase", "#again"):
            page.locator(field).fill(PASSPHRASE)
        page.locator("#agreement").check()
        page.locator("#key-encryption").select_option("ec-p256")
        button.click()
        expect(page.locator("[data-file]:visible")).to_have_count(2, timeout=_PATIENCE_MS)
        yield "issued"
        section = page.locator('[data-pkcs12][data-profile="signing"]')
        section.locator("[data-forget]").click()
        expect(section.locator("[data-forgotten]")).to_be_visible(timeout=_PATIENCE_MS)
        yield "issued-forgotten"
        page.goto("/apply/requests")
        yield "requests-of-a-newcomer"

    def _revoking(self) -> Iterator[str]:
        page = self.page
        signing, encryption = (self._serial(profile) for profile in ("signing", "encryption"))
        page.goto(f"/apply/lost/{signing}")
        yield self._sent("lost-no-reason", "main form")
        page.locator('[name="reason"][value="superseded"]').check()
        yield self._sent("lost-under-review", "main form")
        place = f"/certificates/{encryption}/revoke"
        page.goto(place)
        yield self._sent("revoke-no-reason", f'form[action="{place}"]')
        page.locator('[name="reason"][value="superseded"]').check()
        yield self._sent("revoke-not-confirmed", f'form[action="{place}"]')
        page.locator("form[data-prove]").evaluate("form => form.submit()")
        expect(page.locator(".errors a")).to_be_visible(timeout=_PATIENCE_MS)
        yield "prove-refused"
        page.goto(page.url)
        yield "prove"
        page.locator("#key-passphrase").fill("another")
        page.locator("form[data-prove] button").click()
        expect(page.locator('[data-why="passphrase"]')).to_be_visible(timeout=_PATIENCE_MS)
        yield "prove-failed"
        page.goto(place)
        page.locator('[name="reason"][value="superseded"]').check()
        page.locator('[name="confirmed"]').check()
        yield self._sent("revoke-asked", f'form[action="{place}"]')
        page.goto(place)
        yield self._sent("revoke-proved", "form[data-prove]", **{"key-passphrase": PASSPHRASE})
        page.goto(f"/certificates/{encryption}")
        yield "certificate-proved"

    def _devices(self) -> Iterator[str]:
        page = self.page
        for what in ("key", "code"):
            page.goto(f"/devices/new/{what}")
            yield self._sent(f"{what}-faults", "main form", uses="none", days="0")
            yield self._sent(f"{what}-names", "main form", uses="2", days="", names="elsewhere.example")
            yield self._sent(f"{what}-made", "main form", names="", note="<b>網站</b>")
            for summary in page.locator("summary").all():
                summary.click()
            yield f"{what}-opened"
        assert acme.Client(self._scene.house).new_account(self._sheet["eab"]).status == 201
        for step in ("rotate", "revoke", "deactivate"):
            page.goto("/devices")
            page.goto(str(page.locator(f'main a[href$="/{step}"]').first.get_attribute("href")))
            yield self._sent(f"device-{step}d", "main form")

    def _unproved(self, place: str) -> str:
        """Whoever signed in a while ago is asked for the password again."""
        page = self._known
        page.goto(place)
        lenient(page)
        page.locator("#password").fill("x")
        with page.expect_navigation():
            page_button(page, "main form").click()
        return f"password-wrong-at-{place}"

    def _passkeys(self) -> Iterator[str]:
        page = self.page
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page.goto("/passkeys")
        yield self._sent("passkey-make", 'form[action="/passkeys/new"]', label="token")
        yield self._sent("passkey-added", "form[data-passkey]")
        page.goto(str(page.locator('main a[href$="/remove"]').get_attribute("href")))
        yield self._sent("passkey-removed", "main form")

    def _renewing(self) -> Iterator[str]:
        page, button = self.page, page_button(self.page, "form[data-apply]")
        self._scene.let_encryption_end_soon()
        page.goto("/renew")
        lenient(page)
        page.locator('input[name="profile"]').uncheck()
        button.click()
        expect(page.locator(".errors")).to_be_visible(timeout=_PATIENCE_MS)
        yield "renew-nothing-chosen"
        page.locator('input[name="profile"]').check()
        page.locator("[data-key-type]").select_option("ec-p256")
        for field in ("#passphrase1", "#again1"):
            page.locator(field).fill(PASSPHRASE)
        button.click()
        expect(page.locator("[data-file]:visible")).to_have_count(1, timeout=_PATIENCE_MS)
        yield "renewed"
        page.goto("/renew")
        yield "renew-replaced"

    def _way_out(self) -> Iterator[str]:
        page = self.page
        page.goto("/password")
        page.locator('main input[name="csrf"]').evaluate_all(_WITHOUT_TOKEN)
        yield self._sent("outdated", 'form[action="/password"]')
        with page.expect_navigation():
            page.locator("form.leave button").click()
        yield "signed-out"

    def _sent(self, name: str, form: str, **fields: str) -> str:
        """Fill in a form and send it, whatever the browser thinks of it."""
        page = self.page
        lenient(page)
        for field, text in fields.items():
            page.locator(form).locator(f"#{field}").fill(text)
        with page.expect_navigation():
            page_button(page, form).click()
        return name

    def _serial(self, profile: str) -> str:
        """Of the newest certificate of a profile."""
        held = [one for one in self._scene.house.certificates(self._account) if one["profile"] == profile]
        return str(max(held, key=lambda one: str(one["not_after"]))["serial"])


def lenient(page: Page) -> None:
    """What a browser would not send is to be refused by the portal as well."""
    page.locator("main form").evaluate_all("forms => forms.forEach(form => { form.noValidate = true })")


def page_button(page: Page, form: str) -> Locator:
    """The button that sends a form."""
    return page.locator(form).locator("button:not([type=button])").last
