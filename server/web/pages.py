"""The frame of our own pages: HTML that runs nothing and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import html

from protocols.wire import Reply

_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:42em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "code{background:#eee;padding:0 .2em}section+section{border-top:1px solid #ccc;margin-top:2em}"
)
_SELF, _NOBODY = "'self'", "'none'"
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def page(title: str, main: str, *, status: int = 200, cache: str = "no-store", has_form: bool = False) -> Reply:
    """A page in two languages.

    Args:
        title: as text.
        main: as HTML; what comes from elsewhere is escaped in it already.
        cache: the Cache-Control of it.
        has_form: whether it sends something to its own address.
    """
    policy = (
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_DIGEST}'",
        "base-uri 'none'",
        f"form-action {_SELF if has_form else _NOBODY}",
        "frame-ancestors 'none'",
    )
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Language", "en, zh-Hant"),
        ("Cache-Control", cache),
        ("Content-Security-Policy", "; ".join(policy)),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    )
    document = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main>{main}</main></body></html>\n"
    )
    return Reply(status, headers, document.encode())
