"""dns-persist-01 over the network (draft-ietf-acme-dns-persist-02)."""

from __future__ import annotations

from protocols.acme import challenges, persistence
from protocols.acme.probes import Question, Seen
from server.probes.dns_01 import texts
from server.probes.resolving import Resolving


class DnsPersist01:
    """Reads the TXT records that stay."""

    problem_of_timeout = "dns"

    def __init__(self, resolving: Resolving) -> None:
        self._resolving = resolving

    def label(self, question: Question) -> str:
        """What is looked at, as users are told of it."""
        return f"TXT of {challenges.txt_name(question.type, question.identifier, question.account_url)}"

    async def look(self, question: Question) -> Seen:
        """Find a record that names this CA and the account.

        Raises:
            Unseen: there is none at all, or the name servers do not say.
        """
        assert question.persistent is not None  # noqa: S101  # whoever asks for this type says what must be there
        label = self.label(question)
        found = await texts(self._resolving, label.removeprefix("TXT of "), label)
        verdict = persistence.judged(found, question.persistent, label)
        return Seen(not verdict.problem, verdict.problem, verdict.detail, good_until=verdict.good_until)
