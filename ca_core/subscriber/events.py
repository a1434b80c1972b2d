"""What the journal holds of subscribers at the portal."""

from __future__ import annotations

from ca_core.audit.event import Event


class AgreementAccepted(Event, frozen=True, tag="agreement-accepted"):
    """A subscriber accepted the subscriber agreement: this version, whose text has this SHA-256 in hex."""

    version: str
    sha256: str
