"""Pages that refusals point to."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from ca_core.registration.form import LANGUAGES
from protocols.acme import problems
from protocols.acme.links import Help
from protocols.est import refusals
from protocols.help_address import INTERNAL_ERROR, WAITING, path, word
from protocols.wire import Peer, Reply, Request
from server import answers
from server.api import dialogue, reading, repeating
from server.portal.routes import portal_frame
from server.web import help_texts
from server.web.advice import ADVICE
from server.web.asset_files import AssetFiles
from server.web.help import Facts, HelpPages, addresses
from server.web.help_texts import ACME, ACME_PREFIX, GROUPS
from server.web.open_pages import OpenPages

FACTS = Facts(29, orders=7001, accounts=7002, failures=7003, pending=7004, paused_after=705)
PAGES_OF_OURS = HelpPages(FACTS, OpenPages(portal_frame(AssetFiles())))
ADDRESSES = Path(__file__).with_name("help_addresses.txt")
"""Every address that was ever told to a client. Lines are added; none is changed or taken out."""
LINKED = re.compile(r'href="(/[^"?]*)"')
OF_CHALLENGES = {"connection", "dns", "incorrectResponse", "tls"}


def header(reply: Reply, name: str) -> str:
    return dict(reply.headers)[name]


def asked(address: str, query: str = "", method: str = "GET", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PAGES_OF_OURS.answer(Request(method, address, named, b"", Peer("192.0.2.7"), query))


def in_both(address: str) -> str:
    return "".join(asked(address, f"lang={language}").body.decode() for language in LANGUAGES)


def faults_of_the_api() -> set[str]:
    sources = (Path(str(module.__file__)).read_text("utf-8") for module in (dialogue, reading, repeating))
    return {found for source in sources for found in re.findall(r'HTTPStatus\.\w+, "([a-z-]+)"', source)}


def test_no_address_changes_and_none_goes() -> None:
    assert sorted(addresses()) == ADDRESSES.read_text("utf-8").split()


def test_every_refusal_has_a_page() -> None:
    told = {
        *(problems.help_path(leaf) for leaf in problems.TABLE),
        *(path(word(leaf)) for leaf in (*problems.TABLE, *refusals.TABLE, *answers.TABLE) if leaf not in problems.HELP),
        *(path(answer.word) for answer in answers.TABLE.values()),
        *map(path, faults_of_the_api()),
        path(INTERNAL_ERROR),
        path(WAITING),
    }

    assert sorted(told - set(addresses())) == []


def test_every_problem_type_of_acme_has_a_page() -> None:
    types = {answer.type for answer in problems.TABLE.values()} | OF_CHALLENGES

    assert {ACME_PREFIX + name for name in types} == {one for one in addresses() if one.startswith(ACME_PREFIX)}


def test_no_page_is_for_what_nobody_is_told() -> None:
    leaves = {word(leaf) for leaf in (*problems.TABLE, *refusals.TABLE, *answers.TABLE)}
    known = leaves | faults_of_the_api() | {INTERNAL_ERROR, WAITING, "method-not-allowed"}

    assert {name for group in GROUPS for name in help_texts.entries(group, "en")} - known == set()


def test_the_desk_and_its_api_call_a_refusal_as_its_page_is_called() -> None:
    assert {leaf: answer.word for leaf, answer in answers.TABLE.items()} == {leaf: word(leaf) for leaf in answers.TABLE}


@pytest.mark.parametrize("group", [*GROUPS, ACME])
def test_a_page_says_the_same_in_both_languages(group: str) -> None:
    english, chinese = (help_texts.entries(group, language) for language in ("en", "zh-Hant"))

    assert list(english) == list(chinese)
    for name, entry in english.items():
        other = chinese[name]
        fields = entry.__struct_fields__
        assert {one for one in fields if getattr(entry, one)} == {one for one in fields if getattr(other, one)}, name
        assert re.search(r"[\u4e00-\u9fff]", other.happened), name
        assert not re.search(r"[\u4e00-\u9fff]", entry.happened), name
        assert bool(entry.title) is (group != ACME), name


def test_no_word_has_two_pages() -> None:
    found = [name for group in GROUPS for name in help_texts.entries(group, "en")]

    assert len(found) == len(set(found))


def test_what_officers_do_is_said_once() -> None:
    entries = {name: entry for group in GROUPS for name, entry in help_texts.entries(group, "en").items()}

    assert [name for name, entry in entries.items() if entry.office and f"advice.{name}" in ADVICE] == []


def test_every_page_says_what_somebody_can_do() -> None:
    entries = {name: entry for group in GROUPS for name, entry in help_texts.entries(group, "en").items()}

    idle = [
        name
        for name, entry in entries.items()
        if not (entry.subscriber or entry.device or entry.client or entry.office or f"advice.{name}" in ADVICE)
    ]
    assert idle == []


def test_every_topic_has_words_and_no_other_has() -> None:
    wanted = {f"{topic.removeprefix('/help/')}.{language}.txt" for topic in Help for language in LANGUAGES}

    # Folders beside them are other pages' and letters'.
    there = {file.name for file in (resources.files("server.web") / "texts").iterdir() if file.is_file()}

    assert there == wanted


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("address", [*addresses()])
def test_a_page_is_whole_and_leads_to_pages_that_are_there(address: str, language: str) -> None:
    reply = asked(address, f"lang={language}")

    text = reply.body.decode()
    assert reply.status == 200
    assert header(reply, "Content-Type") == "text/html; charset=utf-8"
    assert header(reply, "Content-Language") == language
    assert f'<html lang="{language}"' in text
    assert text.count("<h1>") == 1
    assert "{" not in text
    assert "`" not in text
    assert {one for one in LINKED.findall(text) if one.startswith("/help/")} <= set(addresses())


def test_a_page_comes_in_the_language_that_the_reader_prefers_or_has_chosen() -> None:
    preferred = asked("/help/wrong-secret", accept_language="zh-TW,zh;q=0.9,en;q=0.8")
    kept = asked("/help/wrong-secret", accept_language="zh-TW", cookie="__Host-lang=en")
    chosen = asked("/help/wrong-secret", "lang=zh-Hant", cookie="__Host-lang=en")

    assert [header(one, "Content-Language") for one in (preferred, kept, chosen)] == ["zh-Hant", "en", "zh-Hant"]
    assert header(chosen, "Set-Cookie").startswith("__Host-lang=zh-Hant; ")
    assert header(preferred, "Vary") == "Accept-Language, Cookie"
    assert header(asked("/help/wrong-secret", "lang=xx"), "Content-Language") == "en"


def test_the_index_leads_to_every_page() -> None:
    found = LINKED.findall(asked("/help/").body.decode())

    assert {one for one in found if one.startswith("/help/")} | {"/help/"} == set(addresses())


def test_a_problem_type_leads_to_what_may_be_meant() -> None:
    text = asked("/help/acme/badCSR").body.decode()

    assert 'href="/help/weak-key"' in text
    assert 'href="/help/bad-nonce"' not in text


def test_a_page_says_how_programs_know_it() -> None:
    text = asked("/help/weak-key").body.decode()

    assert 'href="/help/acme/badCSR"' in text
    assert "EST: 400" in text
    assert "<code>weak-key</code> (400)" in text


def test_officers_read_there_what_the_desk_says() -> None:
    assert ADVICE["advice.not-permitted"].partition(",")[0] in asked("/help/not-permitted").body.decode()


def test_a_page_says_what_holds_on_this_server() -> None:
    limits = in_both(Help.RATE_LIMITS.value)
    assert in_both(Help.RENEWAL.value).count("29") == 2
    assert in_both(Help.PAUSED.value).count("705") == 2
    assert [limits.count(number) for number in ("7,001", "7,002", "7,003", "7,004")] == [2, 2, 2, 2]


def test_a_page_may_be_kept_and_can_run_nothing() -> None:
    reply = asked(Help.PAUSED.value, method="HEAD")

    policy = header(reply, "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "script-src" not in policy
    assert b"<script" not in reply.body
    assert header(reply, "Cache-Control") == "public, max-age=3600"
    assert header(reply, "X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("address", ["/help/<script>", "/help/acme/", "/help/acme/badcsr", "/help/renewal/"])
def test_what_is_no_page_says_where_all_are(address: str) -> None:
    reply = asked(address)

    assert reply.status == 404
    assert b"/help/ has all" in reply.body
    assert b"<script>" not in reply.body


def test_a_page_can_only_be_read() -> None:
    reply = asked(Help.TERMS.value, method="POST")

    assert (reply.status, header(reply, "Allow")) == (405, "GET, HEAD")
