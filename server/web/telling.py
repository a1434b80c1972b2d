"""What happened, for whoever reads a page: one sentence for each row of the journal, and its facts below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from server import answers
from server.web.actors import Who, Word, tidied, who
from server.web.dates import Dates
from server.web.event_sentences import SENTENCES
from server.web.languages import Texts, phrase

_TAG = "event"
_MOST_NAMES = 3
_NOTHING = "\N{EN DASH}"
_SERIAL = re.compile(r"[0-9a-f]{40}")
_SERIALS = frozenset({"replaces", "same_key_as", "last_serial", "serials"})
_DAYS = frozenset({"expires_at", "not_after", "signs_from"})
_MOMENTS = frozenset({"due_at", "ends_at", "invalid_since"})
_ENGLISH = frozenset({"found", "selector"})
_PLAIN = frozenset(
    {"account", "label", "name", "names", "networks", "note", "profile", "profiles", "realm", "subject", "version"}
)
"""Texts that somebody chose; every other text is one for machines."""
_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "action": "request",
        "asker": "asker",
        "door": "door",
        "field": "field",
        "kind": "kind",
        "language": "language",
        "outcome": "request-state",
        "reason": "reason",
        "role": "role",
        "state": "request-state",
        "status": "status",
        "step": "step",
        "topic": "topic",
        "verdict": "request-state",
        "was": "reason",
    }
)
"""Of words, for the members that hold a code."""
_REFUSALS = {refusal.__name__: answer.word for refusal, answer in answers.TABLE.items()}
_CREDENTIAL_REFUSED = "credential-refused"
_MORE = phrase("and %(count)s more")
Members = Mapping[str, object]


class Shown(msgspec.Struct, frozen=True):
    """One value of a fact.

    Attributes:
        at: a time in the place of the text, UTC seconds.
        serial: of the certificate that it names, 40 hex digits; empty where it names none.
        is_code: whether it is for machines.
        is_english: whether it is in no other language.
    """

    text: str = ""
    at: int | None = None
    serial: str = ""
    is_code: bool = False
    is_english: bool = False


class Fact(msgspec.Struct, frozen=True):
    """A label in the reader's language, and its values."""

    label: str
    values: tuple[Shown, ...]


class Told(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        title: the event in a few words.
        sentence: what happened, and by whom.
        facts: what the row holds, all of it.
    """

    title: str
    sentence: str
    facts: tuple[Fact, ...]


class Teller:
    """Tells rows of the journal in one language.

    Args:
        word: the words of the page for codes; the groups of `HELD` and `MEMBERS` among them.
        dates: how the page writes times; by default, as readers of the language do.
    """

    def __init__(self, language: str, texts: Texts, word: Word, dates: Dates | None = None) -> None:
        self._dates = dates or Dates(language)
        self._texts = texts
        self._word = word
        self._comma = "、" if language.startswith("zh") else ", "

    def tell(
        self, event: str, actor: str, detail: str, serial: str | None = None, *, is_for_holder: bool = False
    ) -> Told:
        """Say what a row holds.

        Args:
            actor: who did it, as the journal writes it.
            detail: the event's members, as JSON.
            serial: of the certificate that it is about.
            is_for_holder: as for `actors.who`.
        """
        members = msgspec.json.decode(detail, type=dict[str, object])
        did = who(actor, self._texts, self._word, is_for_holder=is_for_holder)
        title = self._word(event, "event")
        facts = (*self._own(event, members), *self._common(event, actor, did, serial))
        return Told(title, self._sentence(event, members, did) or title, facts)

    def by(self, actor: str) -> str:
        """Who it is that the journal writes so."""
        return who(actor, self._texts, self._word).name

    def _sentence(self, event: str, members: Members, did: Who) -> str:
        pattern = SENTENCES.get(f"{event}.{_variant(event, members)}") or SENTENCES.get(event)
        if pattern is None:
            return ""
        values = {name: self._in_sentence(event, name, value) for name, value in members.items()}
        number = members.get("number")
        if isinstance(number, int):
            values["previous"] = str(number - 1)
        values["who"] = did.name
        values["fields"] = self._comma.join(self._word(change["field"], "field") for change in _changes(members))
        # Rows of an older version may lack what a sentence says now.
        return tidied(self._texts.gettext(pattern) % _Holes(values))

    def _in_sentence(self, event: str, name: str, value: object) -> str:
        if isinstance(value, int) and name in _DAYS:
            return self._dates.day(value)
        if isinstance(value, int) and name in _MOMENTS:
            return self._dates.moment(value)
        if isinstance(value, list):
            shown = self._comma.join(str(one) for one in value[:_MOST_NAMES])
            more = len(value) - _MOST_NAMES
            return f"{shown} {self._texts.gettext(_MORE) % {'count': more}}" if more > 0 else shown
        return self._shown(event, name, value).text or _NOTHING

    def _own(self, event: str, members: Members) -> Iterator[Fact]:
        for name, value in members.items():
            if name == "changes":
                yield from self._changed(members)
            elif name != _TAG and value not in (None, "", []):
                several = value if isinstance(value, list) else [value]
                yield Fact(self._word(name, "member"), tuple(self._shown(event, name, one) for one in several))

    def _common(self, event: str, actor: str, did: Who, serial: str | None) -> Iterator[Fact]:
        """What every row holds beside its event's members."""
        if serial:
            yield Fact(self._word("serial", "member"), (Shown(serial, serial=serial),))
        yield Fact(self._word("who", "member"), (Shown(did.name),))
        if did.source:
            yield Fact(self._word("where", "member"), (Shown(did.source, is_code=True),))
        yield Fact(self._word("code", "member"), (Shown(event, is_code=True), Shown(actor, is_code=True)))

    def _shown(self, event: str, name: str, value: object) -> Shown:
        match value:
            case bool():
                return Shown(self._word("yes" if value else "no", "yes-no"))
            case int() if name in _DAYS | _MOMENTS:
                return Shown(at=value)
            case str() if name in _SERIALS and _SERIAL.fullmatch(value):
                return Shown(value, serial=value)
            case str() if event == _CREDENTIAL_REFUSED and name == "why":
                return Shown(self._word(_REFUSALS.get(value, value), "refusal"))
            case str() if name in _GROUPS:
                return Shown(self._word(value, _GROUPS[name]))
            case str():
                is_english = name in _ENGLISH or name == "why"
                return Shown(value, is_code=name not in _PLAIN and not is_english, is_english=is_english)
        return Shown(str(value))

    def _changed(self, members: Members) -> Iterator[Fact]:
        for change in _changes(members):
            was, now = (change.get(name) or _NOTHING for name in ("was", "now"))
            yield Fact(self._word(change["field"], "field"), (Shown(f"{was} \N{RIGHTWARDS ARROW} {now}"),))


def _changes(members: Members) -> list[dict[str, str]]:
    found = members.get("changes")
    return found if isinstance(found, list) else []


class _Holes(dict[str, str]):
    """What fills the holes of a sentence; a line in the place of what is not there."""

    def __missing__(self, name: str) -> str:
        return _NOTHING


def _variant(event: str, members: Members) -> str:
    """What tells several sentences of one event apart; empty where there is one."""
    is_renewal, is_recovered = bool(members.get("replaces")), bool(members.get("recovered"))
    match event:
        case "certificate-issued":
            return "recovered" if is_recovered else "renewed" if is_renewal else "" if members.get("names") else "plain"
        case "credential-refused":
            what = "wrong" if members.get("account") else "unknown"
            return what if members.get("why") == "wrong" else "" if members.get("account") else "certificate"
        case "certificate-revoked":
            return "key" if members.get("same_key_as") else "again" if members.get("was") else ""
        case "status-changed":
            return str(members.get("status"))
        case "signed-in":
            return "" if members.get("step") == "signed-in" else "step"
        case "passkey-rejected":
            return str(members.get("why"))
        case "crl-published":
            return "shard" if members.get("shard") else ""
    return next((variant for name, value, variant in _VARIANTS.get(event, ()) if members.get(name) == value), "")


_VARIANTS: Mapping[str, tuple[tuple[str, object, str], ...]] = MappingProxyType(
    {
        "acme-account-bound": (("kid", None, "open"),),
        "acme-name-asked": (("spans", True, "spans"),),
        "acme-order-placed": (("names", [], "vetted"),),
        "certificates-recalled": (("taken_back", True, "back"),),
        "desk-request-late": (("is_overdue", True, "overdue"),),
        "enrollment-request-late": (("is_overdue", True, "overdue"),),
        "names-changed": (("names", [], "none"),),
        "password-changed": (("is_first", True, "first"),),
        "revocation-request-late": (("is_overdue", True, "overdue"),),
        "sheet-issued": (("number", 1, "first"),),
    }
)
"""By the event: which member's value asks for which sentence."""
