"""ACME's door: what the dialogue and the validator are made of."""

from __future__ import annotations

from collections.abc import Callable

from ca_core.applicant import Door
from ca_core.policy.profile import Profile
from ca_core.policy.renewal import SECONDS_PER_DAY
from protocols.acme.agreements import Agreements
from protocols.acme.dialogue import AcmeDialogue
from protocols.acme.expiry import Expiry
from protocols.acme.limits import Limits
from protocols.acme.links import Links
from protocols.acme.pauses import Outcomes
from protocols.acme.permission import Permission
from protocols.acme.services import AcmeOptions, AcmeServices
from protocols.acme.validation import Validator
from server.assembly import Strongroom
from server.chaos import Troublemaker
from server.middleware import Dialogue
from server.office import Office
from server.probes import settings as probe_settings
from server.probes.network import NetworkProbes


class AcmeDoor:
    """Builds the dialogue and the validator over the same limits.

    Attributes:
        permission: asks the DNS whether it permits a certificate; None where nobody does.
    """

    def __init__(self, opened: Office, room: Strongroom, agreements: Agreements) -> None:
        self._opened = opened
        self._room = room
        self._agreements = agreements
        self._limits = Limits(opened.settings.limits, opened.counts.meters)
        self._trouble = Troublemaker(opened.settings.chaos)
        settings = opened.settings
        self._links = Links(settings.public)
        policy = probe_settings.policy(settings.acme, settings.listen, settings.ports)
        self._probes = self._trouble.probes(NetworkProbes(policy))
        self.permission = self._asking() if settings.acme.caa else None

    def validator(self) -> Validator:
        """What looks at challenges."""
        opened, settings = self._opened, self._opened.settings
        outcomes = Outcomes(self._limits, paused_after=settings.limits.paused_after_failures)
        return Validator(
            opened.database,
            opened.clock,
            self._probes,
            outcomes,
            self._links,
            permission=self.permission,
            issuers=settings.acme.caa_identities,
        )

    def expiry(self) -> Expiry:
        """What marks orders and authorizations whose time ran out."""
        return Expiry(self._opened.database, self._opened.clock)

    def dialogue(self, wake: Callable[[], None]) -> Dialogue:
        """What answers requests; `wake` is called when a challenge waits for the validator."""
        opened, room = self._opened, self._room
        services = AcmeServices(
            database=opened.database,
            clock=opened.clock,
            sign_in=room.sign_in,
            enrollment=room.enrollment,
            revocations=opened.revocations,
            nonces=self._trouble.nonces(opened.counts.spending),
            limits=self._limits,
            links=self._links,
            agreements=self._agreements,
            options=self._options(),
            chains_pem=room.chains_pem,
            wake=wake,
            permission=self.permission,
        )
        return self._trouble.dialogue(AcmeDialogue(services), opened.clock)

    def _asking(self) -> Permission:
        opened = self._opened
        identities = opened.settings.acme.caa_identities
        return Permission(opened.database, opened.clock, self._probes, self._links, identities, limits=self._limits)

    def _options(self) -> AcmeOptions:
        acme = self._opened.settings.acme
        return AcmeOptions(
            open_account=acme.open_account or None,
            website=acme.website or None,
            caa_identities=acme.caa_identities,
            challenges=acme.challenges,
            profiles={
                name: _described(profile)
                for name, profile in self._opened.profiles.items()
                if Door.ACME in profile.doors
            },
        )


def _described(profile: Profile) -> str:
    """One sentence for the directory (draft-ietf-acme-profiles, 3)."""
    days, rest = divmod(profile.validity_seconds, SECONDS_PER_DAY)
    life = f"{profile.validity_seconds} seconds" if rest else f"{days} day{'' if days == 1 else 's'}"
    return f"for {', '.join(sorted(profile.extended_key_usage))}; valid for {life}"
