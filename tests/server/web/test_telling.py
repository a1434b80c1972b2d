"""Every event has words in every language, and a row of the journal is told in them and in nothing else."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec
import pytest

import ca_core
import protocols
import server
from ca_core.applicant import Door
from ca_core.audit.event import CertificateIssued, CertificateRevoked, CredentialRefused, Event, SheetIssued
from ca_core.notices.notice import Topic
from ca_core.registration.account import Status
from ca_core.registration.events import Amended, FieldChange, SignedIn
from ca_core.registration.form import LANGUAGES
from ca_core.registration.session import Step
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.staff.request import DeskAction, DeskState, Verdict
from ca_core.staff.role import Role
from server.desk.words import VOCABULARY
from server.web import languages
from server.web.event_sentences import SENTENCES
from server.web.telling import Teller

SERIAL, OTHER = "ab" * 20, "cd" * 20
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CODES: dict[str, type[StrEnum]] = {
    "asker": Asker,
    "door": Door,
    "role": Role,
    "status": Status,
    "step": Step,
    "topic": Topic,
    "request": DeskAction,
    "request-state": DeskState,
}


def teller(language: str) -> Teller:
    texts = languages.texts(language)
    return Teller(language, texts, lambda code, group: texts.gettext(VOCABULARY.get(f"{group}.{code}", code)))


def told(event: Event, actor: str = "desk:officer:lin", language: str = "en") -> str:
    tag = type(event).__struct_config__.tag
    return teller(language).tell(str(tag), actor, msgspec.json.encode(event).decode(), SERIAL).sentence


def classes() -> list[type[Event]]:
    for package in (ca_core, protocols, server):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    return sorted(below(Event), key=tag_of)


def below(parent: type[Event]) -> Iterator[type[Event]]:
    for child in parent.__subclasses__():
        # Other tests have events of their own.
        if child.__module__.partition(".")[0] in {"ca_core", "protocols", "server"}:
            yield child
        yield from below(child)


def tag_of(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)


def sample(field: msgspec.structs.FieldInfo) -> Any:
    """A value that fits: what it is called by, where it is a text."""
    kind = str(field.type)
    if "FieldChange" in kind:
        return [{"field": "language", "was": "en", "now": ""}]
    if "tuple" in kind:
        return ["dns:www.example.com", "dns:mail.example.com"]
    return True if "bool" in kind else 1_900_000_000 if "int" in kind else SERIAL if field.name == "replaces" else "x-1"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", classes(), ids=tag_of)
def test_every_event_has_words_in_every_language(event: type[Event], language: str) -> None:
    tag, texts = tag_of(event), languages.texts(language)
    fields = msgspec.structs.fields(event)
    detail = {"event": tag, **{field.name: sample(field) for field in fields}}
    sentences = [text for name, text in SENTENCES.items() if name.partition(".")[0] == tag]

    row = teller(language).tell(tag, "est:certificate:192.0.2.1", msgspec.json.encode(detail).decode(), OTHER)

    assert sentences
    assert f"event.{tag}" in VOCABULARY
    assert {field.name for field in fields} <= {name.removeprefix("member.") for name in VOCABULARY}
    assert not re.search(r"[{}\[\]\"]|%\(|\N{EN DASH}", row.sentence)
    if language != "en":
        assert all(CHINESE.search(text) for text in (row.title, row.sentence, *(fact.label for fact in row.facts)))
        assert all(texts.gettext(text) != text for text in sentences)


def test_no_sentence_is_of_an_event_that_there_is_not() -> None:
    assert {name.partition(".")[0] for name in SENTENCES} == set(map(tag_of, classes()))


@pytest.mark.parametrize("group", CODES)
def test_every_code_that_events_hold_has_a_word(group: str) -> None:
    lacking = [code.value for code in CODES[group] if f"{group}.{code.value}" not in VOCABULARY]
    # Nobody votes but to approve or to reject, and reasons are named by their text.
    verdicts = [verdict.value for verdict in Verdict if f"request-state.{verdict.value}" not in VOCABULARY]
    reasons = [reason.text for reason in Reason if f"reason.{reason.text}" not in VOCABULARY]

    assert (lacking, verdicts, reasons) == ([], [], ["removeFromCRL"])


@pytest.mark.parametrize(
    ("event", "actor", "english", "chinese"),
    [
        (
            SheetIssued(3),
            "desk:officer:lin",
            "Sheet 3 was made by officer lin; it voids sheet 2.",
            "承辦人員 lin 製作了第 3 號密碼單，第 2 號隨即失效。",
        ),
        (
            SheetIssued(1),
            "cli:operator:root",
            "Sheet 1, the first one, was made by operator root on the command line.",
            "系統管理員 root（以指令）製作了首張密碼單（第 1 號）。",
        ),
        (
            CertificateIssued("tls", ("dns:a", "dns:b"), 1_900_000_000, None),
            "acme:acme-account:2001:db8::1",
            (
                "A certificate for dns:a, dns:b was issued for the profile tls to the subscriber through ACME,"
                " valid until Mar 17, 2030."
            ),
            "已簽發 dns:a、dns:b 的憑證（憑證類別 tls）予用戶（經由 ACME 協定），效期至 2030年3月17日。",
        ),
        (
            CertificateRevoked("keyCompromise", was="certificateHold"),
            "server:revocation-desk",
            (
                "The reason of the revocation was changed by the server itself from “on hold” to “the key is in wrong"
                " hands”."
            ),
            "系統將廢止原因由「暫時停用」改為「金鑰外洩」。",
        ),
        (
            CredentialRefused("meter", "est", "CertificateRevoked"),
            "est:unproven:192.0.2.1",
            "What was shown for the account meter through EST was refused: The certificate is revoked.",
            "經由 EST 協定為帳號 meter 出示的憑據遭拒：憑證已廢止。",
        ),
        (
            Amended(2, (FieldChange("language", "en", "zh-Hant"), FieldChange("contact.phone", "", "1"))),
            "api:integrator:panel",
            "The registration was changed by integrator panel through the API: Language, Contact: telephone.",
            "系統整合者 panel（經由 API）變更了註冊資料：語言、聯絡人：電話。",
        ),
        (
            SignedIn("signed-in"),
            "portal:password:192.0.2.1",
            "A session was begun by the subscriber with the password through the portal.",
            "用戶（以密碼，經由用戶入口網站）已登入。",
        ),
    ],
    ids=["next-sheet", "first-sheet", "issued", "revoked-again", "refused", "amended", "signed-in"],
)
def test_a_row_is_one_sentence(event: Event, actor: str, english: str, chinese: str) -> None:
    assert told(event, actor) == english
    assert told(event, actor, "zh-Hant") == chinese


def test_facts_are_labelled_times_are_times_and_serials_lead_somewhere() -> None:
    event = CertificateIssued("tls-server", ("dns:a.example",), 1_900_000_000, OTHER)

    row = teller("en").tell("certificate-issued", "est:certificate:2001:db8::1", encoded(event), SERIAL)
    facts = {fact.label: fact.values for fact in row.facts}

    assert facts["Valid until"][0].at == 1_900_000_000
    assert [facts[label][0].serial for label in ("Replaces", "Certificate")] == [OTHER, SERIAL]
    assert facts["Recovered"][0].text == "no"
    assert facts["By whom"][0].text == "the subscriber with a certificate through EST"
    assert facts["From address"][0].text == "2001:db8::1"


def test_what_was_changed_is_shown_field_by_field() -> None:
    event = Amended(2, (FieldChange("contact.phone", "", "02-1234-5678"),))

    row = teller("zh-Hant").tell("amended", "desk:officer:lin", encoded(event))

    assert (row.facts[1].label, row.facts[1].values[0].text) == ("聯絡人：電話", "\N{EN DASH} → 02-1234-5678")


def test_many_names_are_cut_and_all_of_them_are_facts() -> None:
    event = CertificateIssued("tls-server", tuple(f"dns:{number}.example" for number in range(9)), 1_900_000_000, None)

    row = teller("en").tell("certificate-issued", "acme:acme-account:192.0.2.1", encoded(event))

    assert "dns:2.example and 6 more was" in row.sentence
    assert len(row.facts[1].values) == 9


def test_what_an_older_or_a_newer_server_wrote_is_told_as_well() -> None:
    unknown = teller("en").tell("moon-landed", "moon", '{"event": "moon-landed", "crater": 3}')
    older = teller("en").tell("officer-added", "cli:operator:root", '{"event": "officer-added", "name": "lin"}')

    assert (unknown.title, unknown.sentence) == ("moon-landed", "moon-landed")
    assert [fact.label for fact in unknown.facts] == ["crater", "By whom", "In the journal's words"]
    assert "\N{EN DASH} lin was taken on" in older.sentence


@pytest.mark.parametrize(
    ("actor", "who"),
    [
        ("desk:officer:lin", "officer lin"),
        ("api:officer:lin", "officer lin through the API"),
        ("server:publisher", "the server itself"),
        ("server:operator:localhost", "the server itself"),
        ("est:ra-gateway:192.0.2.7", "gateway on the subscriber's behalf through EST"),
        ("est:certificate-key:192.0.2.7", "whoever holds the key through EST"),
        ("est:brand-new:192.0.2.7", "brand-new through EST"),
        ("desk:passkey:192.0.2.7", "the holder of a passkey through the desk"),
        ("operator:root", "operator:root"),
        ("", ""),
    ],
)
def test_who_did_it_is_said_in_words(actor: str, who: str) -> None:
    assert teller("en").by(actor) == who


def encoded(event: Event) -> str:
    return msgspec.json.encode(event).decode()
