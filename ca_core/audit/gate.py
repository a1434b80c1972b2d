"""The gate before issuance: it closes when the journal cannot be kept, or an older one was restored.

What revokes, publishes and reads does not pass here and goes on.
"""

from __future__ import annotations

from ca_core.errors import Busy, JournalUnavailable, RestoreUnacknowledged

PATIENCE_SECONDS = 60
"""How long the sequencer may fail before certificates are refused."""

_RETRY_AFTER_SECONDS = 30
_RETRY_AFTER_RESTORE_SECONDS = 300


class Gate:
    """Closed until the sequencer has succeeded once; tells users when to come again, and the operator why."""

    def __init__(self) -> None:
        self._is_proven = False
        self._trying_since: int | None = None
        self._failure = ""
        self._restored = ""

    @property
    def trouble(self) -> str:
        """What an operator has to do something about; empty when there is nothing."""
        return self._restored or self._failure

    def begin(self, now: int) -> None:
        """The sequencer starts a turn. One that never ends counts like one that fails."""
        # The earlier one, should the clock go back meanwhile.
        self._trying_since = now if self._trying_since is None else min(now, self._trying_since)

    def succeeded(self) -> None:
        """The turn ended well: everything that was recorded is chained and vouched for."""
        self._is_proven, self._trying_since, self._failure, self._restored = True, None, "", ""

    def failed(self, why: str) -> None:
        """The turn failed, for a reason that an operator understands."""
        self._failure = why

    def hold(self, why: str) -> None:
        """The journal is chained, and it is an older one than the checkpoint outside the database knows."""
        self._is_proven, self._trying_since, self._failure, self._restored = True, None, "", why

    def is_open(self, now: int) -> bool:
        """Whether issuance passes now."""
        try:
            self.require_open(now)
        except Busy:
            return False
        return True

    def require_open(self, now: int, *, for_this_server: bool = False) -> None:
        """Let issuance pass.

        Args:
            for_this_server: its own certificate, without which nobody could be told anything after a restore.

        Raises:
            JournalUnavailable: the sequencer has failed for too long, or from the start.
            RestoreUnacknowledged: an operator must look first.
        """
        is_late = self._trying_since is not None and now - self._trying_since > PATIENCE_SECONDS
        if is_late or not self._is_proven:
            raise JournalUnavailable(
                "certificates cannot be issued for the moment; send the same request again later",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        if self._restored and not for_this_server:
            raise RestoreUnacknowledged(
                "certificates are not issued until this server's operator has looked at a restored backup;"
                " send the same request again later",
                retry_after_seconds=_RETRY_AFTER_RESTORE_SECONDS,
            )
