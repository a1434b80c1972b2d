"""The page that says what became of requests for certificates."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import InProgress, Refusal
from ca_core.referral.request import Referred
from ca_core.store.certificates import Certificate
from ca_core.subscriber.applying import Outcome
from protocols.wire import Reply
from server.portal import certificate_files
from server.portal.application_form import Said, common_name, label, said
from server.portal.visit import KEYS_SCRIPT, Visit


class Issued(msgspec.Struct, frozen=True):
    """A certificate that was issued, with what a browser's tab makes a PKCS #12 file of.

    Attributes:
        chain: PEM of the certificate and of those that issued it, without the root.
        friendly_name: what the file calls it.
    """

    profile: str
    label: str
    certificate: Certificate
    chain: str
    friendly_name: str
    file_name: str


class Waits(msgspec.Struct, frozen=True):
    """A request that an officer looks at."""

    label: str
    number: int


def are_refused(outcomes: Mapping[str, Outcome]) -> bool:
    """Whether nothing came of any of them, and nothing will."""
    return all(isinstance(one, Refusal) and not isinstance(one, InProgress) for one in outcomes.values())


def refusals(visit: Visit, outcomes: Mapping[str, Outcome]) -> tuple[Said, ...]:
    """What stands against requests."""
    return tuple(said(visit, profile, one) for profile, one in outcomes.items() if isinstance(one, Refusal))


def page(visit: Visit, outcomes: Mapping[str, Outcome], *, is_renewal: bool) -> Reply:
    """What was issued, what waits and what was refused."""
    pending = [profile for profile, one in outcomes.items() if isinstance(one, InProgress)]
    settled = {profile: one for profile, one in outcomes.items() if profile not in pending}
    return visit.render(
        "outcome.html",
        scripts=(KEYS_SCRIPT,),
        issued=[issued(visit, one) for one in settled.values() if isinstance(one, Certificate)],
        waiting=[
            Waits(label(visit, profile), one.number) for profile, one in settled.items() if isinstance(one, Referred)
        ],
        pending=[label(visit, profile) for profile in pending],
        refused=refusals(visit, settled),
        is_renewal=is_renewal,
        forms=certificate_files.FORMS,
    )


def issued(visit: Visit, certificate: Certificate) -> Issued:
    """A certificate with its chain."""
    registration, called = visit.registration, label(visit, certificate.profile)
    leaf = x509.load_der_x509_certificate(certificate.der)
    chain = [leaf, *visit.portal.chain(certificate.issuer)]
    return Issued(
        profile=certificate.profile,
        label=called,
        certificate=certificate,
        chain="".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
        friendly_name=f"{common_name(registration) or registration.account} · {called}",
        file_name=f"{certificate.profile}-{registration.account}.p12",
    )
