"""What goes on while the plug is pulled, by name."""

from __future__ import annotations

from collections.abc import Callable

from conformance.crash.commands import Backup, Init, PublishCrl, Register, Restore, Revoke, Rotate, Sheet
from conformance.crash.served import Served, Start
from conformance.crash.site import Flow, Site
from conformance.crash.subscriber import Subscriber

FLOWS: dict[str, Callable[[Site], Flow]] = {
    "acme": lambda site: Served(site, Subscriber.acme),
    "finalize": lambda site: Served(site, Subscriber.finalize, Subscriber.account, Subscriber.order),
    "est": lambda site: Served(site, Subscriber.est),
    "approved": lambda site: Served(site, Subscriber.approved, Subscriber.ask),
    "revocation": lambda site: Served(site, Subscriber.revoke, Subscriber.acme),
    "start": Start,
    "register": Register,
    "sheet": Sheet,
    "crl-publish": PublishCrl,
    "revoke": Revoke,
    "rotate": Rotate,
    "backup": Backup,
    "init": Init,
    "restore": Restore,
}
