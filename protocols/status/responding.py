"""OCSP as a dialogue: GET and POST at `/ocsp` (RFC 6960, appendix A; RFC 5019)."""

from __future__ import annotations

import msgspec

from ca_core.clock import Clock
from ca_core.errors import Busy, Malformed, NotFound
from ca_core.revocation.ocsp import Answer, Failure
from ca_core.revocation.ready_made import ReadyMade
from ca_core.revocation.responder import MOST_READY, MOST_READY_OCTETS, Responder
from protocols.status import ocsp
from protocols.wire import Reply, Request, is_matched, plain_text

PATH = "/ocsp"
METHODS = ("GET", "HEAD", "POST")
LONGEST_SPELLING = 400
"""Characters of a path or octets of a body under which a reply is kept: a question about one certificate fits, also
named by SHA-512 and in base64. What is longer is decoded each time."""
MOST_SPELLINGS = 8
"""Under how many paths and bodies one answer is kept. Slashes, escapes and signatures spell a question endlessly."""


class _Ready(msgspec.Struct):
    """A reply that was given, and may be given again while its answer stands and the second lasts."""

    answer: Answer
    reply: Reply
    at: int


class OcspDialogue:
    """Answers OCSP clients.

    The same bytes are asked for again and again, so a reply is found by the path of a GET or the body of a POST
    before anything is decoded.
    """

    def __init__(self, responder: Responder, clock: Clock) -> None:
        self._responder = responder
        self._clock = clock
        self._ready: ReadyMade[str | bytes, _Ready] = ReadyMade(
            _octets, _question, most=MOST_READY, most_octets=MOST_READY_OCTETS, most_alike=MOST_SPELLINGS
        )

    @property
    def kept_octets(self) -> int:
        """What the replies weigh that may be given again, with that under which they are found."""
        return self._ready.octets

    def ready(self, asked: str | bytes) -> Reply | None:
        """The whole reply, if it is there and still right.

        Args:
            asked: path of a GET or HEAD, or the body of a POST.
        """
        ready = self._ready.get(asked)
        if ready is None:
            return None
        now = self._clock.now()
        if not self._responder.stands(ready.answer, now):
            return None
        if ready.at != now and isinstance(asked, str):
            ready.reply, ready.at = ocsp.prolonged(ready.reply, ready.answer, now=now), now
        return ready.reply

    async def answer(self, request: Request) -> Reply:
        """Answer one request to `/ocsp` or below."""
        if request.method not in METHODS:
            allowed = ", ".join(METHODS)
            return plain_text(405, f"OCSP answers to {allowed} only", ("Allow", allowed))
        if request.method == "POST":
            return await self._post(request)
        if request.path.rstrip("/") == PATH:
            return plain_text(400, f"POST an OCSP request here, or GET {PATH}/ followed by its base64 (RFC 6960, A.1)")
        reply = self.ready(request.path) or await self._answered(request.path)
        tags = request.headers.get("if-none-match", "")
        etag = dict(reply.headers).get("ETag") if tags else None
        return ocsp.not_modified(reply) if etag and is_matched(etag, tags) else reply

    async def _post(self, request: Request) -> Reply:
        if request.path not in {PATH, f"{PATH}/"}:
            return plain_text(404, f"there is nothing here; POST to {PATH}")
        if request.media_type != ocsp.REQUEST_TYPE:
            return plain_text(415, f"POST an OCSP request as {ocsp.REQUEST_TYPE} (RFC 6960, A.1)")
        return self.ready(request.body) or await self._answered(request.body)

    async def _answered(self, asked: str | bytes) -> Reply:
        """Read, answer, and keep the reply where it may be given again."""
        try:
            der = ocsp.from_path(asked.removeprefix(f"{PATH}/")) if isinstance(asked, str) else asked
            answer = await self._responder.answer(ocsp.read(der))
        except Malformed:
            return ocsp.failure_reply(Failure.MALFORMED_REQUEST)
        except NotFound:
            return ocsp.failure_reply(Failure.UNAUTHORIZED)
        except Busy:
            return ocsp.failure_reply(Failure.TRY_LATER)
        now = self._clock.now()
        is_cacheable = answer.is_ready_made and isinstance(asked, str)
        reply = ocsp.cacheable_reply(answer, now=now) if is_cacheable else ocsp.reply(answer)
        if answer.is_ready_made and len(asked) <= LONGEST_SPELLING:
            self._ready.put(asked, _Ready(answer, reply, now))
        return reply


def _octets(ready: _Ready) -> int:
    return len(ready.answer.der)


def _question(ready: _Ready) -> tuple[bytes]:
    return (ready.answer.key,)
