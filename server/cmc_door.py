"""Full CMC's door: what its dialogue is made of."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import KeyUnavailable, Misconfigured
from ca_core.issuance.authorities import ISSUING
from protocols.cmc.dialogue import CmcServices, FullCmc, Speaker
from server.assembly import Strongroom
from server.office import Office

_RETRY_AFTER_SECONDS = 5


def full_cmc(opened: Office, room: Strongroom) -> FullCmc:
    """What answers full PKI requests: the signer of messages of the CA that issues the profile speaks."""

    def speaker(profile: str | None) -> Speaker:
        line = ISSUING if profile is None else opened.profiles[profile].issuer
        now = opened.clock.now()
        try:
            name = room.authorities.current(line, now=now).certificate.name
        except Misconfigured as error:
            # It was in order when the server started; the operator is told by the worker that follows the CAs.
            raise KeyUnavailable(
                "the CA cannot be used now; ask again later", retry_after_seconds=_RETRY_AFTER_SECONDS
            ) from error
        chain = room.authorities.chains(name, now=now)[0]
        return Speaker(room.message_signers.of(name), tuple(one.public_bytes(Encoding.DER) for one in chain))

    return FullCmc(
        CmcServices(
            sign_in=room.sign_in,
            enrollment=room.enrollment,
            revocations=opened.revocations,
            referrals=opened.referrals,
            clock=opened.clock,
            speaker=speaker,
            replays=opened.counts.replays,
        )
    )
