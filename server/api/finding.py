"""Whom a path names: a registration that the caller sees, as it is now."""

from __future__ import annotations

from ca_core.errors import ChangedMeanwhile, NotFound
from ca_core.registration.account import Registration
from ca_core.registration.kind import RESERVED
from ca_core.store import registrations
from ca_core.store.certificates import Certificate
from server.api.operation import Call


async def registration_of(call: Call) -> Registration:
    """The registration whose account stands in the path, with its contact.

    Raises:
        NotFound: there is none; it is another realm's or another integrator's; or it is no subscriber's, but an
            officer's or the server's own, which commands alone change.
    """
    account = call.place["account"]
    registration = await call.office.desk.show(account)
    if registration.kind in RESERVED or not call.actor.sees(registration):
        raise NotFound(f"there is no account {account[:64]}")
    return registration


def version_meant(call: Call, registration: Registration) -> int | None:
    """The version that the caller has seen; None where any will do.

    Raises:
        ChangedMeanwhile: the registration is of another one by now.
    """
    if call.tags is None:
        return None
    # A weak tag stands for nothing that can be changed (RFC 9110, 13.1.1).
    if etag(registration) not in call.tags:
        raise ChangedMeanwhile(
            f"the registration {registration.account} is of version {registration.version}, which is not the one that"
            " If-Match names; look at it again"
        )
    return registration.version


def etag(registration: Registration) -> str:
    """Its entity tag."""
    return f'"{registration.version}"'


async def certificate_of(call: Call) -> tuple[Certificate, Registration]:
    """The certificate whose serial stands in the path, and whose it is.

    Raises:
        NotFound: as for registrations.
    """
    certificate = await call.office.revocations.certificate(call.place["serial"])
    if certificate is not None:
        async with call.office.database.read() as tx:
            registration = await registrations.by_id(tx, certificate.registration_id)
        if registration.kind not in RESERVED and call.actor.sees(registration):
            return certificate, registration
    raise NotFound("there is no such certificate")
