"""The subscriber agreement: read from its file, and published once for each version."""

from __future__ import annotations

from pathlib import Path

from ca_core.audit import journal
from ca_core.audit.event import AgreementPublished
from ca_core.clock import Clock
from ca_core.errors import Misconfigured
from ca_core.registration import agreement as agreement_module
from ca_core.registration.agreement import HTML, MAX_OCTETS, PLAIN_TEXT, Agreement
from ca_core.store import agreements as published_agreements
from ca_core.store.database import Database
from protocols.acme.agreements import Agreements
from protocols.acme.invitations import Invitations
from protocols.acme.links import Links
from server import setting_tables
from server.office import Office

_ACTOR = "server:agreement"
_HTML_NAMES = (".html", ".htm")


def read(settings: setting_tables.Agreement, home: Path) -> Agreement | None:
    """Read what the table `[agreement]` names; None where it is empty.

    Raises:
        Misconfigured: the file cannot be read, is too large, empty or not UTF-8.
    """
    if not settings.file:
        return None
    path = home / settings.file
    try:
        with path.open("rb") as file:
            text = file.read(MAX_OCTETS + 1)
    except OSError as error:
        why = f"cannot read {path}: {error.strerror}"
        raise Misconfigured(f"agreement.file: {why}; put the agreement there, or remove the setting") from None
    media_type = HTML if path.suffix.lower() in _HTML_NAMES else PLAIN_TEXT
    return agreement_module.agreement(settings.version, text, media_type, f"agreement.file: {path}")


async def require_unchanged(agreement: Agreement, database: Database) -> None:
    """Let only a version pass that has the text that it was published with, or was not published yet.

    Raises:
        Misconfigured: its text was changed; accounts that accepted it have accepted another one.
    """
    async with database.read() as tx:
        published = await published_agreements.by_version(tx, agreement.version)
    if published is not None and published.sha256 != agreement.sha256:
        raise Misconfigured(
            f"agreement.version {agreement.version} was published with another text (SHA-256 {published.sha256}, now"
            f" {agreement.sha256}); give the changed text a new version"
        )


async def agreements(opened: Office) -> Agreements:
    """What accounts must accept from this start on.

    Raises:
        Misconfigured: as `read` and `publish` say.
    """
    current = read(opened.settings.agreement, opened.home)
    if current is not None:
        await publish(current, opened.database, opened.clock)
    links, invitations = Links(opened.settings.public), Invitations(opened.keeper.link_mac)
    return Agreements(opened.database, opened.clock, links, current, invitations)


async def publish(agreement: Agreement, database: Database, clock: Clock) -> None:
    """Record a version and its text, once.

    Raises:
        Misconfigured: it was published before, with another text.
    """
    now = clock.now()
    async with database.write() as tx:
        if await published_agreements.insert(tx, agreement, now=now):
            event = AgreementPublished(version=agreement.version, sha256=agreement.sha256)
            await journal.record(tx, event, now=now, actor=_ACTOR)
    await require_unchanged(agreement, database)
