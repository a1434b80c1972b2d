"""EST (RFC 7030) as a dialogue: one request in, one reply out.

What is checked first is the path and the method; each operation has a file of its own, and what is checked there
stands there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from ca_core.errors import Refusal, Unproven
from protocols.est import refusals
from protocols.est.attributes import Attributes
from protocols.est.binding import is_spent
from protocols.est.enrolling import Enrolling
from protocols.est.errors import MethodNotAllowed, UnknownOperation
from protocols.est.full_cmc import CarriedCmc
from protocols.est.key_generation import KeyGeneration
from protocols.est.labels import Labels
from protocols.est.own_certificates import RENEWAL_INFO, OwnCertificates
from protocols.est.published import Published
from protocols.est.services import EstServices
from protocols.wire import Reply, Request

READ = ("GET", "HEAD")
SEND = ("POST",)


class Operation(NamedTuple):
    """One operation: its methods, and what answers a request for a label."""

    methods: tuple[str, ...]
    answer: Callable[[Request, str | None], Awaitable[Reply]]


class EstDialogue:
    """Answers EST requests.

    Raises:
        Misconfigured: the CA certificates hold no root.
    """

    def __init__(self, services: EstServices) -> None:
        self._labels = Labels(services.labels)
        self._help_base = services.help_base
        self._published = Published(services.ca_certificates, services.crls)
        enrolling = Enrolling(services, self._labels)
        attributes = Attributes(services, self._labels)
        own = OwnCertificates(services, self._labels, services.on_file)
        self._operations = {
            "cacerts": Operation(READ, self._cacerts),
            "simpleenroll": Operation(SEND, enrolling.simpleenroll),
            "simplereenroll": Operation(SEND, enrolling.simplereenroll),
            "csrattrs": Operation(READ, attributes.csrattrs),
            "crls": Operation(READ, self._crls),
            "eecerts": Operation(READ, own.eecerts),
            "serverkeygen": Operation(SEND, KeyGeneration(services, self._labels, enrolling).serverkeygen),
        }
        if services.tells_renewal:
            self._operations[RENEWAL_INFO] = Operation(READ, own.renewal_info)
        if services.full_cmc is not None:
            carried = CarriedCmc(services.full_cmc, enrolling, self._labels)
            self._operations["fullcmc"] = Operation(SEND, carried.fullcmc)

    async def answer(self, request: Request) -> Reply:
        """Answer one request; every refusal becomes a reply, and anything else that is raised is a bug."""
        try:
            reply = await self._answer(request)
        except Unproven as refusal:
            # What a request holds has proved nothing: it may come again on this connection, with a password or right.
            return refusals.reply(refusal, self._help_base)
        except Refusal as refusal:
            reply = refusals.reply(refusal, self._help_base)
        return msgspec.structs.replace(reply, is_last=True) if is_spent(request) else reply

    def refuse(self, refusal: Refusal) -> Reply:
        """What the edge sends when the request could not be read."""
        return refusals.reply(refusal, self._help_base)

    def bug_reply(self, reference: str) -> Reply:
        """What the edge sends when `answer` raised."""
        return refusals.bug_reply(reference, self._help_base)

    async def _answer(self, request: Request) -> Reply:
        label, name = place(request.path)
        self._labels.named(label)
        operation = self._operations.get(name)
        if operation is None:
            raise UnknownOperation(self._operations)
        if request.method not in operation.methods:
            raise MethodNotAllowed(*operation.methods)
        return await operation.answer(request, label)

    async def _cacerts(self, request: Request, label: str | None) -> Reply:
        return self._published.cacerts(request, self._labels.named(label).wire)

    async def _crls(self, request: Request, label: str | None) -> Reply:
        return await self._published.crls(request, self._labels.named(label).wire)


def place(path: str) -> tuple[str | None, str]:
    """The label, if there is one, and the operation of a path (RFC 7030, 3.2.2).

    strongSwan 5.9.8 puts the label in front of `/.well-known`. Behind renewal-info stands which certificate is meant.

    Raises:
        UnknownOperation: no EST path.
    """
    match path.split("/"):
        case ["", ".well-known", "est", operation] | ["", ".well-known", "est", "renewal-info" as operation, _]:
            return None, operation
        case ["", ".well-known", "est", label, operation] | ["", label, ".well-known", "est", operation]:
            return label, operation
        case ["", ".well-known", "est", label, "renewal-info" as operation, _]:
            return label, operation
        case _:
            raise UnknownOperation
