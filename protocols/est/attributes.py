"""What a client should ask for (RFC 7030, 4.5; RFC 9908)."""

from __future__ import annotations

from ca_core.applicant import Door
from ca_core.policy import decision
from protocols.est import csrattrs, messages
from protocols.est.labels import Labels
from protocols.est.services import EstServices
from protocols.est.sign_in import EstSignIn
from protocols.wire import Reply, Request


class Attributes:
    """Answers everybody; who says who they are is told the subject as well."""

    def __init__(self, services: EstServices, labels: Labels) -> None:
        self._enrollment = services.enrollment
        self._labels = labels
        self._sign_in = EstSignIn(services, labels)

    async def csrattrs(self, request: Request, label: str | None) -> Reply:
        """The attributes of the label's profile, or of the default of whoever asks; 204 where neither is known.

        Raises:
            Refusal: the client says who it is, and is not, or may not.
        """
        applicant = await self._sign_in.if_any(request, label)
        name = self._labels.name_for(label, applicant.profiles if applicant else ())
        if name is None:
            return Reply(204)
        profile = self._enrollment.profile(name)
        registered = applicant.registered if applicant else None
        subject_der = decision.subject_for(registered, profile, frozenset(), Door.EST) if registered else None
        wire, rules = self._labels.named(label).wire, self._labels.named(name)
        asked = csrattrs.csr_attributes(
            profile, subject_der, is_bound=rules.demands_binding, takes_codes=rules.takes_codes
        )
        return messages.csrattrs_reply(asked, single_line=wire.is_single_line_for(request.headers))
