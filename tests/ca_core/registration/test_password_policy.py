from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core import names
from ca_core.errors import Misconfigured
from ca_core.policy import subject
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.contact import Contact
from ca_core.registration.errors import BadPassword, PasswordFault
from ca_core.registration.kind import PasswordPolicy
from ca_core.registration.password_policy import (
    MOST_BLOCKED_OCTETS,
    MOST_TYPED,
    NOTHING_BLOCKED,
    normal_form,
    own_words,
    parse_blocklist,
    require_length,
    require_unguessable,
)
from ca_core.secret import Secret

MANUAL, MODERN = PasswordPolicy.MANUAL, PasswordPolicy.MODERN


def registered(contact: Contact | None = None) -> Registration:
    text = "CN=A123456789-63-YIRU,O=Formosa Plastics,C=TW"
    return Registration(
        id="r1",
        account="wang.daming",
        kind="person",
        status=Status.ACTIVE,
        subject=text,
        subject_der=subject.subject_der(text),
        grants=(Grant(names.dns("www.blue-whale.example")),),
        profiles=("signing",),
        language="zh-Hant",
        uses=None,
        sheet=1,
        created_at=0,
        expires_at=1,
        contact_read=contact,
    )


def fault_of(policy: PasswordPolicy, text: str) -> PasswordFault | None:
    try:
        require_length(policy, Secret(text))
    except BadPassword as refusal:
        return refusal.fault
    return None


def guessed(text: str, *own: str) -> bool:
    try:
        require_unguessable(Secret(text), own)
    except BadPassword as refusal:
        return refusal.fault is PasswordFault.GUESSABLE
    return False


@pytest.mark.parametrize(
    ("policy", "length", "fault"),
    [
        (MANUAL, 5, PasswordFault.TOO_SHORT),
        (MANUAL, 6, None),
        (MANUAL, 16, None),
        (MANUAL, 17, PasswordFault.TOO_LONG),
        (MODERN, 7, PasswordFault.TOO_SHORT),
        (MODERN, 8, None),
        (MODERN, 128, None),
        (MODERN, 129, PasswordFault.TOO_LONG),
        (MODERN, 10 * MOST_TYPED, PasswordFault.TOO_LONG),
    ],
)
def test_a_policy_counts_characters(policy: PasswordPolicy, length: int, fault: PasswordFault | None) -> None:
    """RULES, S3: 6 to 16 in the manual, 8 to 128 here."""
    assert fault_of(policy, "x" * length) is fault


def test_the_manuals_rule_asks_for_nothing_but_length() -> None:
    assert fault_of(MANUAL, "aaaaaa") is None
    assert fault_of(MANUAL, "密碼密碼密碼") is None


@pytest.mark.parametrize("odd", ["\x00", "\n", "\x7f", "\u0085", "\ud800", "\ue000", "\uffff"])
def test_what_no_keyboard_makes_is_in_no_password(odd: str) -> None:
    assert fault_of(MODERN, f"violet {odd} tractor") is PasswordFault.CONTROL
    assert fault_of(MANUAL, f"viol{odd}et") is PasswordFault.CONTROL


def test_one_password_has_one_spelling() -> None:
    assert normal_form("re\u0301sume\u0301") == normal_form("r\u00e9sum\u00e9")
    assert normal_form("wide\u3000space") == "wide space"
    # Eight that are typed may be fewer: what counts is the normal form.
    assert fault_of(MODERN, "e\u0301" * 4) is PasswordFault.TOO_SHORT


@given(st.text(alphabet=st.characters(), max_size=2 * MOST_TYPED))
def test_whatever_is_typed_has_a_normal_form_that_can_be_written(text: str) -> None:
    once = normal_form(text)

    once.encode()
    assert normal_form(once) == once[:MOST_TYPED]


def test_a_good_password_is_several_words_that_have_nothing_to_do_with_each_other() -> None:
    assert not guessed("violet tractor hums 9")
    assert not guessed("紫色拖拉機在月光下唱歌")
    for common in ("password1", "qwertyuiop", "iloveyou2", "aaaaaaaaaaaa", "20240101", "p4ssw0rd!"):
        assert guessed(common)


def test_what_is_known_of_somebody_is_no_secret() -> None:
    own = own_words(registered(Contact(name="Wang Daming", email="daming@whale.example", phone="0912345678")))

    for text in ("wang.daming", "FormosaPlastics", "A123456789-63", "daming@whale", "0912345678", "blue-whale1"):
        assert guessed(text, *own), text
    # Beside unrelated words it does no harm.
    assert not guessed("daming paints nine lobsters", *own)


def test_what_is_known_is_taken_whole_and_word_by_word() -> None:
    own = own_words(registered())

    assert {"wang.daming", "wang", "daming", "formosa", "formosa plastics", "www.blue-whale.example", "whale"} <= set(
        own
    )
    assert "tw" not in own


def test_a_long_password_is_judged_by_its_beginning() -> None:
    assert not guessed("violet tractor hums 9 " * 5)
    assert guessed("a" * 128)


def test_blocked_passwords_are_blocked_however_they_are_written() -> None:
    blocked = parse_blocklist("Violet Tractor Hums 9\n\nre\u0301union stra\u00dfe lune\n".encode(), "list")

    assert len(blocked) == 2
    for text in ("violet tractor hums 9", "VIOLET TRACTOR HUMS 9", "R\u00c9UNION STRASSE LUNE"):
        with pytest.raises(BadPassword, match="list of known ones") as refused:
            require_unguessable(Secret(text), (), blocked)
        assert refused.value.fault is PasswordFault.BLOCKED
    require_unguessable(Secret("violet tractor hums 8"), (), blocked)
    assert len(NOTHING_BLOCKED) == 0


@pytest.mark.parametrize(
    ("content", "why"), [(b"x" * (MOST_BLOCKED_OCTETS + 1), "more than"), (b"\xff\xfe", "text in UTF-8")]
)
def test_what_is_no_blocklist_is_refused_by_name(content: bytes, why: str) -> None:
    with pytest.raises(Misconfigured, match=f"the list .*{why}"):
        parse_blocklist(content, "the list")
