"""What all pages have in common: templates, languages, and headers that let nothing foreign in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ca_core.clock import rfc3339
from ca_core.registration.form import LANGUAGES
from protocols.wire import Reply
from server.setting_tables import Calendar
from server.web import languages
from server.web.actors import Word
from server.web.asset_files import AssetFiles
from server.web.dates import Dates
from server.web.languages import Texts
from server.web.telling import Teller

_POLICY = "Content-Security-Policy"
_POLICY_TEXT = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Cache-Control", "no-store"),
    (_POLICY, _POLICY_TEXT),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
"""Of every page: it runs nothing, loads nothing foreign, and is kept nowhere."""
_ALONE = (
    (_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
_TIME = Markup('<time datetime="{}">{}</time>')
Filters = Callable[[Texts], Mapping[str, Callable[..., object]]]
"""What templates of one language may ask beside times and words."""


def alone(reply: Reply) -> Reply:
    """The same reply, which stands in no frame and is taken for nothing else: also what is a sentence, or an asset."""
    named = {name for name, _ in reply.headers}
    return msgspec.structs.replace(reply, headers=(*reply.headers, *(one for one in _ALONE if one[0] not in named)))


def _no_filters(_: Texts) -> Mapping[str, Callable[..., object]]:
    return {}


class Frame:
    """Turns templates and values into pages.

    Args:
        package: whose `templates` they are.
        vocabulary: words for what is a code, in English, by group and code.
        headers: of every page.
        scripted: what a page that runs a script of ours may do beside what the others may.
        styles: style sheets of these pages alone, behind those that all have.
        calendar: of dates in Chinese.
    """

    def __init__(
        self,
        package: str,
        assets: AssetFiles,
        vocabulary: Mapping[str, str],
        *,
        headers: tuple[tuple[str, str], ...] = HEADERS,
        scripted: str = "script-src 'self'",
        styles: tuple[str, ...] = (),
        filters: Filters = _no_filters,
        calendar: Calendar = Calendar.GREGORIAN,
    ) -> None:
        self._assets = assets
        self._headers = headers
        self._styles = [found for name in styles if (found := assets.named(name)) is not None]
        self._scripted = tuple((name, f"{value}; {scripted}" if name == _POLICY else value) for name, value in headers)
        self._environments = {
            language: _environment(package, Dates(language, calendar), language, vocabulary, filters)
            for language in LANGUAGES
        }

    def render(
        self,
        template: str,
        language: str,
        values: Mapping[str, object],
        *,
        status: int = 200,
        is_scripted: bool = False,
    ) -> Reply:
        """A page.

        Args:
            values: what the template names; what it names and is not there is a bug.
            is_scripted: whether it runs a script of ours.
        """
        found = self._environments[language].get_template(template)
        assets = {
            "styles": (*self._assets.styles, *self._styles),
            "icon": self._assets.icon,
            "script": self._assets.script,
        }
        body = found.render({**assets, **values}, language=language, languages=LANGUAGES)
        kept = self._scripted if is_scripted else self._headers
        headers = (("Content-Type", "text/html; charset=utf-8"), ("Content-Language", language), *kept)
        return Reply(status, headers, body.encode())


def _environment(
    package: str, dates: Dates, language: str, vocabulary: Mapping[str, str], filters: Filters
) -> Environment:
    environment = Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    texts, word = languages.texts(language), _word(language, vocabulary)
    teller = Teller(language, texts, word, dates)
    environment.filters.update({**_times(dates), "word": word, "who": teller.by, **filters(texts)})
    environment.globals.update({"described": described, "tell": teller.tell})
    # The extension adds this method, and says so to no type checker.
    install: Callable[..., None] = environment.install_gettext_callables  # type: ignore[attr-defined]
    install(texts.gettext, texts.ngettext, newstyle=True)
    return environment


def described(name: str, faults: Mapping[str, tuple[str, ...]], hint: str = "") -> Markup:
    """The attributes by which a control is read together with its hint and with what is wrong.

    Args:
        name: of the field, and the beginning of the identifiers of both.
    """
    wrong = [f"{name}-wrong-{number}" for number, _ in enumerate(faults.get(name, ()), start=1)]
    ids = [*([f"{name}-hint"] if hint else []), *wrong]
    about = Markup(' aria-describedby="{}"').format(" ".join(ids)) if ids else Markup()
    return about + (Markup(' aria-invalid="true"') if wrong else Markup())


def _times(dates: Dates) -> dict[str, Callable[..., object]]:
    """Times as people and as programs read them."""

    def moment(seconds: int) -> Markup:
        return _TIME.format(rfc3339(seconds), dates.moment(seconds))

    def day(seconds: int) -> Markup:
        return _TIME.format(rfc3339(seconds), dates.day(seconds))

    return {"moment": moment, "day": day}


def _word(language: str, vocabulary: Mapping[str, str]) -> Word:
    """Words for what is a code."""
    texts = languages.texts(language)

    def word(code: str, group: str) -> str:
        # Settings make kinds and profiles of their own, which are called what they are called.
        text = vocabulary.get(f"{group}.{code}")
        return code if text is None else texts.gettext(text)

    return word
