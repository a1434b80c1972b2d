"""Renewal information (RFC 9773, 4)."""

from __future__ import annotations

from ca_core.on_file import OnFile
from protocols import certificate_id
from protocols.acme import render
from protocols.acme.services import AcmeServices
from protocols.wire import Reply

RETRY_SECONDS = 6 * 3600
OVERDUE_RETRY_SECONDS = 3600


class RenewalInfo:
    """Everybody may see when a certificate should be replaced; to find one takes its name."""

    def __init__(self, services: AcmeServices) -> None:
        self._on_file = OnFile(services.database, services.clock, services.enrollment)
        self._links = services.links

    async def read(self, id_: str) -> Reply:
        """Suggest a time, by the rule of every door.

        Raises:
            NotFound: nothing that was issued here is named so.
        """
        asked = certificate_id.parse(id_)
        advice = await self._on_file.advice(asked.serial, asked.names)
        if advice is None:
            raise certificate_id.unknown()
        retry_after_seconds = OVERDUE_RETRY_SECONDS if advice.is_overdue else RETRY_SECONDS
        return render.renewal_info(self._links, advice.window, retry_after_seconds=retry_after_seconds)
