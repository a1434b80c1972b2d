"""What all pages of the desk have in common: templates, languages, and headers that let nothing foreign in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from babel.dates import format_date, format_datetime
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ca_core.clock import as_datetime, rfc3339
from ca_core.registration.form import LANGUAGES
from protocols.wire import Reply
from server.desk import faults
from server.desk.words import VOCABULARY
from server.web import languages
from server.web.actors import Word
from server.web.asset_files import AssetFiles
from server.web.telling import Teller

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", _POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
"""Of everything that the desk answers: pages run nothing, load nothing foreign, and are kept nowhere."""
_SCRIPTED = tuple(
    (name, f"{value}; script-src 'self'" if name == "Content-Security-Policy" else value) for name, value in HEADERS
)
"""Of the pages that speak with passkeys: those run one script of ours."""
_TIME = Markup('<time datetime="{}">{}</time>')


class Frame:
    """Turns templates and values into pages."""

    def __init__(self, assets: AssetFiles) -> None:
        self._assets = assets
        self._environments = {language: _environment(language) for language in LANGUAGES}

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
            is_scripted: whether it runs our script for passkeys.
        """
        found = self._environments[language].get_template(template)
        assets = {"styles": self._assets.styles, "icon": self._assets.icon, "script": self._assets.script}
        body = found.render(values, language=language, languages=LANGUAGES, **assets)
        kept = _SCRIPTED if is_scripted else HEADERS
        headers = (("Content-Type", "text/html; charset=utf-8"), ("Content-Language", language), *kept)
        return Reply(status, headers, body.encode())


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("server.desk", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    texts, word = languages.texts(language), _word(language)
    teller = Teller(language, texts, word)
    environment.filters.update({**_filters(language), "word": word, "who": teller.by})
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


def _filters(language: str) -> dict[str, Callable[..., object]]:
    """What templates say of values: times in the reader's language, in UTC, and what is wrong with fields."""
    locale, texts = language.replace("-", "_"), languages.texts(language)

    def moment(seconds: int) -> Markup:
        written = format_datetime(as_datetime(seconds), "medium", locale=locale)
        return _TIME.format(rfc3339(seconds), f"{written} UTC")

    def day(seconds: int) -> Markup:
        return _TIME.format(rfc3339(seconds), format_date(as_datetime(seconds), "medium", locale=locale))

    def fault(why: str) -> Markup:
        return faults.said(why, texts)

    return {"moment": moment, "day": day, "fault": fault}


def _word(language: str) -> Word:
    """Words for what is a code."""
    texts = languages.texts(language)

    def word(code: str, group: str) -> str:
        # Settings make kinds and profiles of their own, which are called what they are called.
        text = VOCABULARY.get(f"{group}.{code}")
        return code if text is None else texts.gettext(text)

    return word
