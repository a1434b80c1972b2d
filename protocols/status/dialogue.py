"""The repository as a dialogue, by plain HTTP: `/crl/NAME.crl`, `/ca/NAME.cer`, `/ca/NAME.pem` (RFC 2585), `/ocsp`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ca_core.clock import Clock
from ca_core.errors import Busy, NotFound, Refusal
from ca_core.revocation.publisher import Publisher
from protocols.status import downloads
from protocols.status.downloads import Download
from protocols.status.responding import PATH as OCSP_PATH
from protocols.status.responding import OcspDialogue
from protocols.wire import Reply, Request, plain_text

METHODS = ("GET", "HEAD")


class RepositoryDialogue:
    """Answers relying parties.

    Args:
        certificates: tells the DER of the CA certificates by name, as in `/ca/NAME.cer`.
    """

    def __init__(
        self,
        publisher: Publisher,
        clock: Clock,
        certificates: Callable[[], Mapping[str, bytes]],
        ocsp: OcspDialogue,
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._certificates = certificates
        self._ocsp = ocsp

    async def answer(self, request: Request) -> Reply:
        """Answer one request; anything that is raised is a bug."""
        if request.path == OCSP_PATH or request.path.startswith(f"{OCSP_PATH}/"):
            return await self._ocsp.answer(request)
        try:
            download = await self._download(request.path)
        except NotFound as missing:
            return plain_text(404, str(missing))
        except Busy as busy:
            return plain_text(503, str(busy), ("Retry-After", str(busy.retry_after_seconds)))
        if request.method not in METHODS:
            allowed = ", ".join(METHODS)
            return plain_text(405, f"the repository answers to {allowed} only", ("Allow", allowed))
        return downloads.reply(download, if_none_match=request.headers.get("if-none-match", ""))

    def refuse(self, refusal: Refusal) -> Reply:
        """What the edge sends when the request could not be read."""
        return plain_text(400, str(refusal))

    def bug_reply(self, reference: str) -> Reply:
        """What the edge sends when `answer` raised: the number under which it was logged, and no more."""
        return plain_text(500, f"internal error, reference {reference}")

    async def _download(self, path: str) -> Download:
        """Find what a path stands for.

        Raises:
            NotFound: nothing.
            StoreUnavailable: it cannot be told now.
        """
        certificates = self._certificates()
        match path.split("/"):
            case ["", "ca", file] if (der := certificates.get(file.removesuffix(".cer"))) and file.endswith(".cer"):
                return downloads.certificate(der)
            case ["", "ca", file] if (der := certificates.get(file.removesuffix(".pem"))) and file.endswith(".pem"):
                return downloads.pem_certificate(der)
            case ["", "crl", file] if file.endswith(".crl"):
                return await self._crl(file.removesuffix(".crl"))
            case _:
                raise NotFound("there is nothing here; CRLs are at /crl/NAME.crl, certificates at /ca/NAME.cer")

    async def _crl(self, name: str) -> Download:
        publication = await self._publisher.newest(name)
        return downloads.crl(
            publication.der,
            number=publication.number,
            this_update=publication.this_update,
            next_update=publication.next_update,
            now=self._clock.now(),
        )
