"""In which language somebody reads: what they have chosen, else what their browser prefers; and our texts in it."""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from io import BytesIO
from urllib.parse import parse_qsl, urlencode

from babel.messages.pofile import read_po

from ca_core.registration.form import LANGUAGES
from protocols.wire import Request

FIELD = "lang"
"""The field of a query that chooses a language."""
COOKIE = "__Host-lang"
"""What was chosen is kept here; browsers send a cookie of this prefix to this origin only."""
_SOURCE = "en"
_YEAR_SECONDS = 365 * 86_400
_MOST_RANGES = 32


def phrase(text: str) -> str:
    """Mark a text as one that pages translate; the catalogs' test finds it by this word."""
    return text


class Texts(gettext.NullTranslations):
    """Our English texts in another language.

    Args:
        texts: by the English one; of what is counted, by the singular.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def gettext(self, message: str) -> str:
        """The text, or the English one where there is none."""
        return self._texts.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The text of a number of things."""
        return self._texts.get(msgid1, msgid1 if n == 1 else msgid2)


def of(request: Request) -> str:
    """The language of a reader, one of `LANGUAGES`."""
    chosen = cookies(request).get(COOKIE, "")
    return chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))


def cookies(request: Request) -> Mapping[str, str]:
    """What a browser keeps for us, by name."""
    pairs = (pair.strip().partition("=") for pair in request.headers.get("cookie", "").split(";"))
    return {name: value for name, _, value in pairs}


def preferred(accept_language: str) -> str:
    """The one of `LANGUAGES` that a browser likes best (RFC 9110, 12.5.4); English where it likes neither."""
    ranked = sorted(_ranges(accept_language), key=lambda pair: -pair[1])
    for tag, weight in ranked:
        main = tag.partition("-")[0]
        # Whoever reads any Chinese would rather have this one than English.
        if weight > 0 and main in {"zh", "en"}:
            return "zh-Hant" if main == "zh" else _SOURCE
    return _SOURCE


def asked(request: Request) -> str:
    """The query, as a link to the same page in another language repeats it; empty, or with an ampersand behind."""
    return "".join(f"{urlencode({name: value})}&" for name, value in parse_qsl(request.query) if name != FIELD)


def keeping(language: str) -> tuple[str, str]:
    """The header field that has a browser remember a choice."""
    return "Set-Cookie", f"{COOKIE}={language}; Path=/; Max-Age={_YEAR_SECONDS}; Secure; HttpOnly; SameSite=Strict"


@lru_cache(maxsize=len(LANGUAGES))
def texts(language: str) -> Texts:
    """Our texts in a language: all catalogs of it together."""
    return Texts({} if language == _SOURCE else dict(_translated(language)))


def _translated(language: str) -> Iterator[tuple[str, str]]:
    folder = resources.files("server.web") / "locale" / language.replace("-", "_") / "LC_MESSAGES"
    for file in sorted(folder.iterdir(), key=lambda found: found.name):
        if not file.name.endswith(".po"):
            continue
        for message in read_po(BytesIO(file.read_bytes())):
            one, text = _first(message.id), _first(message.string)
            if one and text:
                yield one, text


def _first(text: str | Sequence[str] | None) -> str:
    """Of what is counted, the singular."""
    return text if isinstance(text, str) else next(iter(text or ()), "")


def _ranges(accept_language: str) -> Iterator[tuple[str, float]]:
    for part in accept_language.lower().split(",")[:_MOST_RANGES]:
        tag, _, parameter = part.partition(";")
        name, _, weight = parameter.strip().partition("=")
        try:
            yield tag.strip(), float(weight) if name.strip() == "q" else 1.0
        except ValueError:
            yield tag.strip(), 0.0
