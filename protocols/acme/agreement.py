"""The subscriber agreement, as ACME says it: terms of service (RFC 8555, 7.3 and 7.3.3; RULES, S15)."""

from __future__ import annotations

from ca_core.registration.agreement import Agreement
from protocols.acme.errors import AgreementRequired
from protocols.acme.links import Help, Links
from protocols.acme.objects import Account


def require_accepted(
    account: Account | None, current: Agreement | None, links: Links, *, accept_url: str | None = None
) -> None:
    """Let only an account pass that has accepted the agreement of today; where there is none, every account.

    Args:
        account: None for one that is to be made, and has not said that it accepts.
        current: the agreement of today.
        accept_url: the page on which the holder of this very account accepts; None means the one that says how.

    Raises:
        AgreementRequired: it has accepted another version, or none.
    """
    if current is None or current.is_accepted(account.accepted if account else None):
        return
    text_url, help_url = links.agreement(current.version), accept_url or links.help(Help.TERMS)
    raise AgreementRequired(current.version, text_url=text_url, help_url=help_url, is_new=account is None)
