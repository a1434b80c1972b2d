"""The desk's pages as an officer's browser meets them, without JavaScript and over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.clients.device import Device
from conformance.desk import Officer, Page
from conformance.house import House, must

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}%(name)s"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Staff(NamedTuple):
    """Who works in the house: two officers and a supervisor of one realm, somebody of another, and who only reads."""

    house: House
    alice: Officer
    bob: Officer
    sue: Officer
    norbert: Officer
    audrey: Officer


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staff]:
    folder = tmp_path_factory.mktemp("desk")
    house = House(
        folder,
        "kinds.partner.approvals.register=1",
        "kinds.partner.approvals.reprint=1",
        'kinds.person.identity_number="tw-person"',
        "kinds.organization.activation=true",
    )
    try:
        house.start()
        yield Staff(
            house,
            Officer(house, folder, "alice", "officer"),
            Officer(house, folder, "bob", "officer", language="zh-TW,zh;q=0.9,en;q=0.5"),
            Officer(house, folder, "sue", "supervisor"),
            Officer(house, folder, "norbert", "officer", "--realm", "north"),
            Officer(house, folder, "audrey", "auditor"),
        )
    finally:
        house.close()


def registered(officer: Officer, kind: str, hand_over: str = "show", **fields: str) -> Page:
    """Go through the wizard; what a field is called has no dots here."""
    form = officer.get(f"/register/{kind}")
    check = officer.fill(form, {name.replace("__", "."): value for name, value in fields.items()} | {"step": "check"})
    assert check.status == 200, check.text
    return officer.fill(check, {"as": hand_over})


def secret_after(page: Page, label: str) -> str:
    return page.text.partition(f"<dt>{label}</dt>")[2].partition('class="secret">')[2].partition("<")[0]


def test_a_person_is_registered_and_the_printed_sheet_opens_the_door(staff: Staff, tmp_path: Path) -> None:
    alice = staff.alice

    kinds = alice.get("/register")
    assert "/register/person" in kinds.links
    sheet = registered(
        alice,
        "person",
        "print",
        subject="CN=王小明,O=Example,C=TW",
        account="wang",
        contact__email="wang@example.com",
        contact__address="100 台北市\r\n中正區 1 號",
        contact__identity_number="A123456789",
        names__email="wang@example.com",
    )

    assert (sheet.status, sheet.headers["content-type"]) == (200, "application/pdf")
    assert sheet.headers["content-disposition"] == 'attachment; filename="sheet-wang-1.pdf"'
    assert sheet.headers["cache-control"] == "no-store"
    printed = tmp_path / "sheet.pdf"
    printed.write_bytes(sheet.body)
    text = must("pdftotext", "-layout", printed, "-")
    assert "wang" in text
    assert "王小明" in text
    page = alice.get("/registrations/wang")
    assert page.status == 200
    for shown in ("CN=王小明,O=Example,C=TW", "A123456789", "email:wang@example.com", "中正區"):
        assert shown in page.text
    stored = json.loads(staff.house.command("show", "wang", "--json"))
    assert stored["contact"]["address"] == "100 台北市\n中正區 1 號"


def test_a_secret_is_in_the_answer_to_the_button_and_nowhere_else(staff: Staff) -> None:
    sheet = registered(staff.alice, "device", subject="CN=meter,O=Fleet,C=TW", account="meter-1", names__device="A-1")
    code = secret_after(sheet, "Enrollment code")

    page = staff.alice.get("/registrations/meter-1")

    assert len(code) == len("XXXX-XXXX-XXXX-XXXX-XXXX-XXXX")
    assert sheet.headers["cache-control"] == "no-store"
    assert code not in page.text
    assert code not in staff.house.log
    assert "usable" in page.text


def test_every_wrong_field_is_named_beside_itself(staff: Staff) -> None:
    form = staff.alice.get("/register/organization")
    wrong = {
        "subject": "CN=x,C=XX",
        "account": "no blanks",
        "contact.email": "nobody",
        "contact.phone": "none",
        "names.dns": "www.example.com\nnot a name",
        "names.ip": "::FF",
        "uses": "many",
        "language": "fr",
        "step": "check",
    }

    page = staff.alice.fill(form, wrong)

    assert page.status == 422
    assert "<title>Error: " in page.text
    for field in ("subject", "account", "contact.email", "contact.phone", "names.dns", "names.ip", "uses", "language"):
        assert f"#{field}" in page.links, field
        assert f"{field}-wrong-1" in page.ids, field
        assert f'id="{field}"' in page.text
    assert 'aria-describedby="subject-hint subject-wrong-1" aria-invalid="true"' in page.text
    values = dict(page.forms[0].fields)
    assert values["account"] == "no blanks"
    assert values["names.dns"] == "www.example.com\nnot a name"


def test_faults_are_said_in_the_readers_language(staff: Staff) -> None:
    form = staff.bob.get("/register/person")

    page = staff.bob.fill(form, {"subject": "CN=x,C=XX", "contact.email": "nobody", "step": "check"})

    assert page.language == "zh-Hant"
    assert "不是 ISO 3166 的國碼" in page.text
    assert "未填寫；此類別須填身分證字號" in page.text
    assert "不是電子郵件地址" in page.text
    assert 'lang="en">' not in page.text.partition("<main")[2].partition("</main>")[0]


def test_whoever_sends_the_last_form_twice_registers_nobody_twice(staff: Staff) -> None:
    form = staff.alice.get("/register/device")
    check = staff.alice.fill(form, {"subject": "CN=twice,O=Fleet,C=TW", "step": "check"})
    before = len(json.loads(staff.house.command("registrations", "--json")))

    first, second = (staff.alice.fill(check, {"as": "show"}) for _ in range(2))

    assert (first.status, second.status) == (200, 422)
    assert "exists already" in second.text
    assert len(json.loads(staff.house.command("registrations", "--json"))) == before + 1


def test_what_is_changed_is_judged_and_somebody_elses_change_is_not_lost(staff: Staff) -> None:
    staff.house.register(
        "--kind", "device", "--subject", "CN=mend,O=Fleet,C=TW", "--account", "mend", "--dns", "a.test"
    )
    form, late = staff.alice.get("/registrations/mend/amend"), staff.alice.get("/registrations/mend/amend")

    changed = staff.alice.fill(form, {"contact.phone": "+886 2 1234 5678", "names.dns": "a.test\nb.test"})
    lost = staff.alice.fill(late, {"contact.phone": "+886 2 8765 4321"})
    wrong = staff.alice.fill(staff.alice.get("/registrations/mend/amend"), {"contact.phone": "none"})

    assert changed.status == 200
    assert "The registration was changed." in changed.text
    assert lost.status == 412
    assert (wrong.status, "contact.phone-wrong-1" in wrong.ids) == (422, True)
    stored = json.loads(staff.house.command("show", "mend", "--json"))
    assert stored["contact"]["phone"] == "+886 2 1234 5678"
    assert stored["names"] == ["dns:a.test", "dns:b.test"]


def test_a_registration_is_renewed_once_its_data_were_confirmed(staff: Staff) -> None:
    staff.house.register("--kind", "device", "--subject", "CN=old,O=Fleet,C=TW", "--account", "renewal")
    form = staff.alice.get("/registrations/renewal/renew")

    unconfirmed = staff.alice.fill(form, {"subject": "CN=new,O=Fleet,C=TW", "as": "show"})
    renewed = staff.alice.fill(unconfirmed, {"confirmed": "yes", "as": "show"})

    assert (unconfirmed.status, "#confirmed" in unconfirmed.links) == (422, True)
    assert renewed.status == 200
    assert "Password sheet No. 2" in renewed.text
    stored = json.loads(staff.house.command("show", "renewal", "--json"))
    assert (stored["subject"], stored["sheet"]) == ("CN=new,O=Fleet,C=TW", 2)


def test_a_registration_is_suspended_resumed_activated_and_closed(staff: Staff) -> None:
    house, sue = staff.house, staff.sue
    house.register("--kind", "organization", "--subject", "CN=org,O=Org,C=TW", "--account", "org", "--dns", "org.test")

    def does(step: str) -> Page:
        return sue.fill(sue.get(f"/registrations/org/{step}"), {})

    assert "waits to be activated" in sue.get("/registrations/org").text
    assert "The sheet is activated." in does("activate").text
    assert "The registration is suspended" in does("suspend").text
    assert "/registrations/org/resume" in sue.get("/registrations/org").links
    assert "The registration goes on." in does("resume").text
    closed = does("close")
    assert "closed for good" in closed.text
    # What somebody may still have in hand can be stopped at any time.
    assert [link.rpartition("/")[2] for link in closed.links if link.startswith("/registrations/org/")] == ["revoke"]
    assert does("suspend").status == 409


def test_an_officer_may_not_close_and_an_auditor_changes_nothing(staff: Staff) -> None:
    staff.house.register("--kind", "device", "--subject", "CN=kept,O=Fleet,C=TW", "--account", "kept")

    page, read = staff.alice.get("/registrations/kept"), staff.audrey.get("/registrations/kept")

    assert "/registrations/kept/close" not in page.links
    assert staff.alice.get("/registrations/kept/close").status == 403
    assert not [link for link in read.links if link.startswith("/registrations/kept/")]
    for path in ("/register", "/registrations/kept/sheet", "/registrations/kept/amend", "/registrations/kept/suspend"):
        assert staff.audrey.get(path).status == 403


def test_eab_keys_are_added_replaced_revoked_and_restored(staff: Staff) -> None:
    staff.house.register(
        *("--kind", "device", "--subject", "CN=acme,O=Fleet,C=TW"), "--account", "acme", "--zone", "acme.example"
    )
    alice = staff.alice
    form = alice.get("/registrations/acme/eab")

    wrong = alice.fill(form, {"days": "0", "networks": "here"})
    bad_network = alice.fill(form, {"networks": "here"})
    bad_name = alice.fill(form, {"names": "www.acme.example\nelsewhere.example", "called": "x" * 65})
    made = alice.fill(form, {"networks": "192.0.2.0/24", "names": ".shop.acme.example", "called": "web <2>"})
    kid, key = secret_after(made, "EAB key identifier"), secret_after(made, "EAB HMAC key")
    replaced = alice.fill(alice.get(f"/registrations/acme/eab/{kid}/rotate"), {"overlap": "1"})
    successor = secret_after(replaced, "EAB key identifier")
    revoked = alice.fill(alice.get(f"/registrations/acme/eab/{successor}/revoke"), {})
    restored = alice.fill(alice.get(f"/registrations/acme/eab/{successor}/restore"), {})

    assert (wrong.status, bad_network.status, "networks-wrong-1" in bad_network.ids) == (422, 422, True)
    assert bad_name.status == 422
    assert "dns:elsewhere.example is not registered for this account" in bad_name.text
    assert "called-wrong-1" in bad_name.ids
    assert "zone:shop.acme.example" in restored.text
    assert "web &lt;2&gt;" in restored.text
    assert (len(kid), len(key)) == (20, 43)
    assert successor not in {"", kid}
    assert "The EAB key is revoked." in revoked.text
    assert "The EAB key is restored." in restored.text
    assert "192.0.2.0/24" in restored.text
    assert key not in restored.text
    assert alice.get(f"/registrations/kept-not/eab/{kid}/revoke").status == 404


def test_what_others_must_agree_to_is_collected_once_by_who_asked(staff: Staff) -> None:
    alice, house = staff.alice, staff.house
    form = alice.get("/register/partner")
    check = alice.fill(form, {"subject": "CN=panel,O=Panel,C=TW", "account": "panel", "step": "check"})
    waiting = alice.fill(check, {"note": "new contract", "step": "register"})
    number = waiting.url.rpartition("/")[2]

    assert "waits for approval" in waiting.text
    assert "new contract" in waiting.text
    assert alice.get("/registrations/panel").status == 404
    assert staff.bob.get(f"/sheets/{number}").status == 404
    token = dict(waiting.forms[0].fields)["csrf"]
    early = alice.post(f"/sheets/{number}/collect", [("csrf", token), ("as", "show")])
    assert early.status == 409
    house.command("requests", "approve", number)
    approved = alice.get(f"/sheets/{number}")
    collected = alice.fill(approved, {"as": "show"})
    again = alice.fill(approved, {"as": "show"})
    assert collected.status == 200
    assert len(secret_after(collected, "Initial password")) == 12
    assert again.status == 409
    assert alice.get("/registrations/panel").status == 200

    change = alice.fill(alice.get("/registrations/panel/amend"), {"names.dns": "bank.example"})
    assert "Change of registered data" in change.text
    assert "dns:bank.example" in change.text
    assert "bank.example" not in alice.get("/registrations/panel").text
    house.command("requests", "approve", change.url.rpartition("/")[2])
    assert "bank.example" in alice.get("/registrations/panel").text

    reprint = alice.fill(alice.get("/registrations/panel/sheet"), {"note": "lost"})
    assert "waits for approval" in reprint.text
    assert reprint.url in alice.get("/sheets").links
    withdrawn = alice.fill(reprint, {})
    assert "rejected" in withdrawn.text
    assert reprint.url not in alice.get("/sheets").links


def test_a_new_sheet_voids_the_one_before(staff: Staff) -> None:
    staff.house.register("--kind", "device", "--subject", "CN=again,O=Fleet,C=TW", "--account", "again")

    sheet = staff.alice.fill(staff.alice.get("/registrations/again/sheet"), {"as": "show"})

    assert "Password sheet No. 2" in sheet.text
    assert "void" in staff.alice.get("/registrations/again").text


def test_another_realms_registrations_do_not_exist(staff: Staff) -> None:
    staff.house.register("--kind", "device", "--subject", "CN=south,O=Fleet,C=TW", "--account", "south")
    token = dict(staff.norbert.get("/register/device").forms[0].fields)["csrf"]

    for path in ("", "/amend", "/renew", "/sheet", "/suspend", "/resume", "/activate", "/eab"):
        there = staff.norbert.get(f"/registrations/south{path}")
        nowhere = staff.norbert.get(f"/registrations/nowhere{path}")
        assert (there.status, nowhere.status) == (404, 404)
        assert there.text.replace("south", "nowhere") == nowhere.text
        if path:
            assert staff.norbert.post(f"/registrations/south{path}", [("csrf", token)]).status == 404
    for reserved in ("officer.alice", "server"):
        assert staff.alice.get(f"/registrations/{reserved}").status == 404


def test_supervisors_suspend_officers_and_let_them_go(staff: Staff, tmp_path: Path) -> None:
    house, sue = staff.house, staff.sue
    temp = Officer(house, tmp_path, "temp", "officer")

    suspended = sue.fill(sue.get("/officers/temp/suspend"), {})
    while_suspended = temp.get("/")
    resumed = sue.fill(sue.get("/officers/temp/resume"), {})
    while_resumed = temp.get("/")
    ended = sue.fill(sue.get("/officers/temp/end"), {})

    assert "The officer is suspended." in suspended.text
    assert (while_suspended.status, while_resumed.status) == (403, 200)
    assert "The officer goes on." in resumed.text
    assert "has left" in ended.text
    assert temp.get("/").status == 403
    assert "norbert" not in sue.get("/officers").text
    assert sue.get("/officers/norbert/end").status == 404
    assert staff.alice.get("/officers/temp/end").status == 403
    assert sue.fill(sue.get("/officers/sue/end"), {}).status == 409


def test_a_form_without_its_token_does_nothing(staff: Staff) -> None:
    staff.house.register("--kind", "device", "--subject", "CN=safe,O=Fleet,C=TW", "--account", "safe")
    path = "/registrations/safe/suspend"
    own, others = (dict(who.get(path).forms[0].fields)["csrf"] for who in (staff.alice, staff.bob))

    answers = [
        staff.alice.post(path, []),
        staff.alice.post(path, [("csrf", "")]),
        staff.alice.post(path, [("csrf", others)]),
        staff.alice.post(path, [("csrf", own[:-1] + ("0" if own[-1] != "0" else "1"))]),
        staff.alice.post(path, [("csrf", "é")]),
        staff.alice.post(f"{path}?csrf={own}", []),
        staff.alice.post(path, [("csrf", own)], **{"Sec-Fetch-Site": "cross-site"}),
        staff.alice.send("POST", path, f"csrf={own}".encode(), {"Content-Type": "text/plain"}),
    ]

    assert [answer.status for answer in answers] == [400] * len(answers)
    assert json.loads(staff.house.command("show", "safe", "--json"))["status"] == "active"


@pytest.mark.parametrize(
    "path", ["/", "/register", "/register/device", "/sheets", "/officers", "/registrations/nobody"]
)
def test_pages_run_nothing_and_load_nothing_foreign(staff: Staff, path: str) -> None:
    page = staff.alice.get(path)

    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    for token in ("<script", "style=", "javascript:", "http://", " on"):
        assert token not in page.text.partition("<body>")[0].lower() or token == " on"
    assert "<script" not in page.text
    assert 'style="' not in page.text
    assert len(set(page.ids)) == len(page.ids)


def test_what_pages_load_is_served_to_anybody_and_never_changes(staff: Staff) -> None:
    page = staff.alice.get("/")
    styles = [part.partition('"')[0] for part in page.text.split('rel="stylesheet" href="')[1:]]

    for style in styles:
        answer = staff.alice.get(style)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
        assert "immutable" in answer.headers["cache-control"]
        assert "data:" not in answer.text
        for picture in {part.partition('"')[0] for part in answer.text.split('url("')[1:]}:
            assert staff.alice.get(picture).headers["content-type"] == "image/svg+xml"
    assert staff.alice.get("/assets/../settings.py").status == 404
    assert staff.alice.get("/assets/desk.css").status == 404
    assert staff.alice.send("POST", styles[0], b"x").status == 405


def test_html_in_any_field_is_text(staff: Staff) -> None:
    sheet = registered(
        staff.alice,
        "device",
        subject=r"CN=\<b\>bold\</b\>,O=Fleet,C=TW",
        account="evil",
        contact__name=EVIL,
        contact__address=EVIL,
        contact__phone=f"12345{EVIL}"[:60],
        names__device="A-<i>"[:2],
    )
    pages = [
        sheet,
        *(staff.alice.get(f"/registrations/evil{path}") for path in ("", "/amend", "/renew")),
        staff.alice.get("/registrations/%3Cscript%3E"),
        staff.alice.fill(staff.alice.get("/register/device"), {"subject": EVIL, "account": EVIL, "step": "check"}),
    ]

    assert sheet.status == 200
    for page in pages:
        for tag in ("<script", "<b>", "<i>", "<img"):
            assert tag not in page.text
    assert "{{ 7*7 }}" in pages[1].text


def test_bodies_that_are_no_forms_are_refused(staff: Staff) -> None:
    token = dict(staff.alice.get("/register/device").forms[0].fields)["csrf"]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    def sent(body: bytes) -> int:
        return staff.alice.send("POST", "/register/device", body, kind).status

    assert sent(b"csrf=" + token.encode() + b"&subject=" + b"a" * 70_000) == 413
    assert sent(b"csrf=" + token.encode() + b"&x=1" * 600) == 400
    assert sent(b"csrf=" + token.encode() + b"&subject=%FF") == 400
    assert sent(b"csrf=" + token.encode() + b"&subject=%00") == 400
    assert sent(b"\xff\xfe") == 400
    assert sent(b"csrf=" + token.encode() + b"&subject=" + b"a" * 5_000 + b"&step=check") == 422


def test_other_methods_are_refused_with_what_is_allowed(staff: Staff) -> None:
    assert staff.alice.send("DELETE", "/registrations/evil").headers["allow"] == "GET, HEAD"
    both = staff.alice.send("PUT", "/register/device")
    assert (both.status, both.headers["allow"]) == (405, "GET, HEAD, POST")
    assert staff.alice.send("POST", "/").status == 405
    assert staff.alice.send("GET", "/sheets/1/collect").status == 405
    head = staff.alice.send("HEAD", "/register")
    assert (head.status, head.body) == (200, b"")


def test_a_reader_has_the_language_of_the_browser_until_another_is_chosen(staff: Staff) -> None:
    assert staff.bob.get("/").language == "zh-Hant"
    chosen = staff.bob.send("GET", "/officers?lang=en", follow=False)
    assert (chosen.status, chosen.headers["location"]) == (303, "/officers")
    cookie = chosen.headers["set-cookie"]
    assert all(part in cookie for part in ("__Host-lang=en", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"))
    assert staff.bob.get("/officers", Cookie="__Host-lang=en").language == "en"
    assert staff.bob.get("/officers", Cookie="__Host-lang=xx; a").language == "zh-Hant"
    assert staff.alice.send("GET", "/register?lang=zh-Hant&x=%0d%0aSet-Cookie:%20a", follow=False).status == 303
    assert staff.bob.get("/?lang=de").status == 200


def test_numbers_that_are_none_lead_nowhere(staff: Staff) -> None:
    for number in ("0", "-1", "x", "9" * 40, "%F0%9F%98%80"):
        assert staff.alice.get(f"/sheets/{number}").status == 404
    assert staff.alice.get("/registrations/" + "a" * 3000).status == 404
    assert staff.alice.get("/register/officer").status == 404
    assert staff.alice.get("/register/server").status == 404


def test_registrations_are_found_by_words_kind_and_state_page_by_page(staff: Staff) -> None:
    for number in range(52):
        account = f"found-{number}"
        staff.alice.fill(
            staff.alice.fill(
                staff.alice.get("/register/device"),
                {"subject": f"CN=Quokka {number},O=Fleet,C=TW", "account": account, "step": "check"},
            ),
            {"as": "show"},
        )
    first = staff.alice.get("/registrations?text=quokka&kind=device&status=active")
    (following,) = (link for link in first.links if "after=" in link)
    second = staff.alice.get(following)

    def accounts(page: Page) -> set[str]:
        return {link.rpartition("/")[2] for link in page.links if link.startswith("/registrations/found-")}

    assert (len(accounts(first)), len(accounts(second))) == (50, 2)
    assert accounts(first) | accounts(second) == {f"found-{number}" for number in range(52)}
    assert accounts(staff.alice.get("/registrations?text=quokka&status=closed")) == set()
    assert accounts(staff.norbert.get("/registrations?text=quokka")) == set()
    assert accounts(staff.audrey.get("/registrations?text=quokka+51")) == {"found-51"}
    chen = ("--subject", "CN=陳淑芬,O=Fleet,C=TW", "--account", "found-chen")
    staff.house.register("--kind", "device", *chen)
    assert accounts(staff.alice.get("/registrations?text=%E9%99%B3%E6%B7%91%E8%8A%AC")) == {"found-chen"}
    assert 'value="%41&amp;kind=x"' in staff.alice.get("/registrations?text=%2541%26kind%3Dx").text
    for strange in (
        "text=%3Cscript%3E",
        "status=%00",
        "after=x",
        "kind=%0a",
        "text=" + "a" * 3000,
        "status=x",
        "text=%FF",
    ):
        page = staff.alice.get(f"/registrations?{strange}")
        assert page.status in {200, 400}, strange
        assert "<script" not in page.text


def test_a_registrations_history_is_on_its_page(staff: Staff) -> None:
    staff.house.register("--kind", "device", "--subject", "CN=told,O=Fleet,C=TW", "--account", "told")
    for step in ("suspend", "resume") * 14:
        staff.alice.fill(staff.alice.get(f"/registrations/told/{step}"), {})

    page = staff.alice.get("/registrations/told")
    (older,) = (link for link in page.links if "after=" in link)
    earlier = staff.alice.get(older)

    assert "desk:officer:alice" in page.text
    assert "registered" in earlier.text
    assert staff.norbert.get(older).status == 404
    assert staff.alice.get("/registrations/told/history?after=%00").status == 400
    assert staff.alice.get("/registrations/told/history?after=zz").status == 400


def test_a_registrations_certificates_lead_to_their_pages(staff: Staff, tmp_path: Path) -> None:
    sheet = staff.house.register("--kind", "device", "--subject", "CN=meter,O=Fleet,C=TW", "--account", "holder")
    assert Device(staff.house, tmp_path).enroll(sheet) == 200

    page = staff.alice.get("/registrations/holder")
    # From the list and from the history.
    (link,) = {link for link in page.links if link.startswith("/certificates/")}

    assert "valid" in page.text
    assert staff.alice.get(link).status == 200
    assert staff.norbert.get(link).status == 404


def test_a_note_to_those_who_approve_has_an_end_and_no_hidden_characters(staff: Staff) -> None:
    form = staff.alice.get("/register/partner")
    check = staff.alice.fill(form, {"subject": "CN=noted,O=Panel,C=TW", "account": "noted", "step": "check"})

    for note in ("n" * 1001, "a\u202eb"):
        assert staff.alice.fill(check, {"note": note, "step": "register"}).status == 400

    waiting = staff.alice.fill(check, {"note": "n" * 1000, "step": "register"})
    assert "n" * 1000 in waiting.text


def test_of_many_certificates_a_registrations_page_shows_some_and_where_all_are(staff: Staff, tmp_path: Path) -> None:
    sheet = staff.house.register("--kind", "device", "--subject", "CN=m,O=Fleet,C=TW", "--account", "many")
    assert Device(staff.house, tmp_path).enroll(sheet) == 200
    (held,) = staff.house.certificates("many")
    kept = "issuer, state, registration_id, profile, names, names_digest, spki_sha256, not_before, not_after, door, der"
    rest = "intended_at, issued_at, shard, realm"
    for number in range(30):
        staff.house.behind_its_back(
            f"INSERT INTO certificates (serial, {kept}, {rest}) SELECT '{number:040x}', {kept}, {rest}"  # noqa: S608  # our own
            f" FROM certificates WHERE serial = '{held['serial']}'"
        )

    page = staff.alice.get("/registrations/many")

    # The history leads to one of them, too.
    assert len({link for link in page.links if link.startswith("/certificates/")}) == 25
    assert "/certificates?account=many" in page.links
    assert sum(link.startswith("/certificates/") for link in staff.alice.get("/certificates?account=many").links) == 31


def test_of_many_eab_keys_the_newest_are_shown_and_each_is_somewhere(staff: Staff) -> None:
    staff.house.register("--kind", "organization", "--subject", "CN=k,O=Keys,C=TW", "--account", "keys")
    (made,) = staff.house.behind_its_back(
        "SELECT c.id FROM credentials c JOIN registrations g ON g.id = c.registration_id"
        " WHERE c.kid IS NOT NULL AND g.account = 'keys'"
    )
    kept = "registration_id, sheet, kind, secret, uses_left, expires_at, created_at"
    for number in range(30):
        staff.house.behind_its_back(
            f"INSERT INTO credentials (id, kid, line, {kept})"  # noqa: S608  # our own
            f" SELECT 'key{number}', 'KEY{number}', 'key{number}', {kept} FROM credentials WHERE id = '{made[0]}'"
        )

    first = staff.alice.get("/registrations/keys")
    (older,) = (link for link in first.links if "keys=" in link and "lang=" not in link)
    second = staff.alice.get(older)

    revoked = [{link for link in page.links if link.endswith("/revoke")} for page in (first, second)]
    assert [len(links) for links in revoked] == [25, 6]
    assert not revoked[0] & revoked[1]
    assert not [link for link in second.links if "keys=" in link and "lang=" not in link]
    assert staff.alice.get("/registrations/keys?keys=x").status == 200
