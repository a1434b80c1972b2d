"""Renewal information (RFC 9773, 4)."""

from __future__ import annotations

from ca_core.policy.renewal import overdue_window, suggested_window
from ca_core.store import certificates
from protocols.acme import certificate_id, render
from protocols.acme.services import AcmeServices
from protocols.wire import Reply

RETRY_SECONDS = 6 * 3600
OVERDUE_RETRY_SECONDS = 3600


class RenewalInfo:
    """Everybody may see when a certificate should be replaced; to find one takes its name."""

    def __init__(self, services: AcmeServices) -> None:
        self._database = services.database
        self._clock = services.clock
        self._enrollment = services.enrollment
        self._links = services.links

    async def read(self, id_: str) -> Reply:
        """Suggest a time: inside the window in which the core renews, or the past where it should have been done.

        One on hold may come back and cannot be replaced meanwhile: nothing is moved for it.

        Raises:
            NotFound: nothing that was issued here is named so.
        """
        asked = certificate_id.parse(id_)
        async with self._database.read() as tx:
            found = await certificates.by_serial(tx, asked.serial)
            replaced_at = await certificates.replaced_at(tx, asked.serial) if found else None
        if found is None or not asked.names(found.der):
            raise certificate_id.unknown()
        renewable = self._enrollment.renewal_window(found)
        if replaced_at is not None:
            # An order with other names beside may be early; for these names it would be refused until then.
            replaced_at = max(replaced_at, renewable.opens_at)
        late_since = [found.revoked_at if found.is_revoked else None, replaced_at, found.recalled_at]
        if since := [one for one in late_since if one is not None and one <= self._clock.now()]:
            window = overdue_window(min(since))
            return render.renewal_info(self._links, window, retry_after_seconds=OVERDUE_RETRY_SECONDS)
        window = suggested_window(renewable, not_before=found.not_before, serial=found.serial)
        return render.renewal_info(self._links, window, retry_after_seconds=RETRY_SECONDS)
