"""The subscriber agreement at `/agreement/VERSION`, every version that ever counted."""

from __future__ import annotations

from ca_core.errors import StoreUnavailable
from ca_core.registration import agreement as agreement_module
from ca_core.registration.agreement import Agreement
from ca_core.store import agreements
from ca_core.store.database import Database
from protocols.acme.links import AGREEMENT_PREFIX
from protocols.wire import Reply, Request, plain_text

PREFIX = AGREEMENT_PREFIX
# A version never gets another text, so whoever has it need not ask again.
_CACHE = ("Cache-Control", "public, max-age=86400, immutable")
# The text is the operator's, and the origin is that of other pages: it runs nothing and loads nothing.
_POLICY = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class AgreementPages:
    """Every version's text.

    Args:
        current: None where there is no agreement; the versions of before are shown all the same.
    """

    def __init__(self, database: Database, current: Agreement | None) -> None:
        self._database = database
        self._current = current

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.method not in {"GET", "HEAD"}:
            return plain_text(405, "the agreement can only be read", ("Allow", "GET, HEAD"))
        try:
            found = await self._version(request.path.removeprefix(PREFIX))
        except StoreUnavailable as busy:
            return plain_text(503, str(busy), ("Retry-After", str(busy.retry_after_seconds)))
        if found is None:
            return plain_text(404, "there is no such version; the ACME directory names the one of today")
        return _shown(found, request.headers.get("if-none-match", ""))

    async def _version(self, version: str) -> Agreement | None:
        if self._current is not None and version == self._current.version:
            return self._current
        if not agreement_module.is_version(version):
            return None
        async with self._database.read() as tx:
            return await agreements.by_version(tx, version)


def _shown(found: Agreement, if_none_match: str) -> Reply:
    tag = f'"{found.sha256}"'
    headers = (("ETag", tag), _CACHE, *_POLICY)
    if tag in if_none_match or if_none_match.strip() == "*":
        return Reply(304, headers)
    return Reply(200, (("Content-Type", f"{found.media_type}; charset=utf-8"), *headers), found.text)
