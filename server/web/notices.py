"""The page behind the link in a mail by which reminders are declined, and wanted again (RFC 8058)."""

from __future__ import annotations

import html
from urllib.parse import parse_qs

from ca_core.errors import Busy, NotFound
from ca_core.notices.readers import Readers
from protocols.wire import Reply, Request, plain_text
from server.letters import DECLINING
from server.web import pages

_TITLE = "Reminders · 提醒通知"
_ALLOWED = ("GET", "HEAD", "POST")
_AGAIN = "again"


class NoticePages:
    """Stops reminders at a POST, which mail programs send by themselves; whoever only looks changes nothing."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    @staticmethod
    def is_for(path: str) -> bool:
        """Whether a path is this page."""
        return path == DECLINING

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.method not in _ALLOWED:
            return plain_text(405, f"this page answers to {', '.join(_ALLOWED)} only", ("Allow", ", ".join(_ALLOWED)))
        token = parse_qs(request.query).get("token", [""])[0]
        try:
            if request.method == "POST":
                await self._change(token, request)
            return _page(is_told=await self._readers.is_told(token))
        except Busy as busy:
            return plain_text(503, str(busy), ("Retry-After", str(busy.retry_after_seconds)))
        except NotFound as unknown:
            return pages.page(_TITLE, f"<p>{html.escape(str(unknown))}</p>", status=404)

    async def _change(self, token: str, request: Request) -> None:
        # Whatever a mail program posts, it means to decline.
        wished = parse_qs(request.body.decode("latin-1")).get("choice", [""])[0]
        if wished == _AGAIN:
            await self._readers.want(token, source=request.peer.address)
        else:
            await self._readers.decline(token, source=request.peer.address)


def _page(*, is_told: bool) -> Reply:
    english, chinese, choice, button = (
        (
            "This address gets reminders before certificates expire.",
            "此信箱會在憑證到期前收到提醒。",
            "stop",
            "Send me no more reminders · 不再寄送提醒",
        )
        if is_told
        else (
            "This address gets no reminders any more. What is legally due is sent all the same.",
            "此信箱不再收到提醒；依法應通知之事項仍會寄送。",
            _AGAIN,
            "Send me reminders again · 恢復寄送提醒",
        )
    )
    return pages.page(
        _TITLE,
        f'<section lang="en"><h1>Reminders</h1><p>{english}</p></section>'
        f'<section lang="zh-Hant"><h1>提醒通知</h1><p>{chinese}</p></section>'
        f'<section><form method="post"><input type="hidden" name="choice" value="{choice}">'
        f"<button>{button}</button></form></section>",
        has_form=True,
    )
