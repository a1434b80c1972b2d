"""dns-01 and dns-account-01: a TXT record (RFC 8555, 8.4; draft-ietf-acme-dns-account-label)."""

from __future__ import annotations

from dns.rdtypes.ANY.TXT import TXT

from protocols.acme import challenges
from protocols.acme.probes import Question, Seen
from server.probes.policy import Unseen
from server.probes.resolving import Resolving


class Dns01:
    """Reads the TXT records where the client was to put one."""

    problem_of_timeout = "dns"

    def __init__(self, resolving: Resolving) -> None:
        self._resolving = resolving

    def label(self, question: Question) -> str:
        """What is looked at, as users are told of it."""
        return f"TXT of {challenges.txt_name(question.type, question.identifier, question.account_url)}"

    async def look(self, question: Question) -> Seen:
        """Find the digest of the key authorization in one of the records, the strings of each joined.

        Raises:
            Unseen: there is none, or the name servers do not say.
        """
        label = self.label(question)
        name = label.removeprefix("TXT of ")
        found = await texts(self._resolving, name, label)
        expected = challenges.txt_value(question.key_authorization).encode()
        if expected in found:
            return Seen(proved=True)
        records = "one record" if len(found) == 1 else f"{len(found)} records"
        detail = f"{label}: {records}, none of which is the digest of the key authorization of this challenge"
        return Seen(proved=False, problem="incorrectResponse", detail=detail)


async def texts(resolving: Resolving, name: str, label: str) -> list[bytes]:
    """What the TXT records of a name say, the strings of each joined.

    Raises:
        Unseen: there is none, or the name servers do not say.
    """
    records = await resolving.records(name, "TXT", label)
    found = [b"".join(record.strings) for record in records if isinstance(record, TXT)]
    if not found:
        raise Unseen("dns", f"{label}: there is no such record; was it published where the world looks?")
    return found
