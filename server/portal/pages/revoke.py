"""Revoking a certificate of one's own: the reason in plain words, what follows, and the proof that one has the key."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import BadReason, PossessionNotProved
from ca_core.registration.errors import PageOutdated
from ca_core.registration.session import Step
from ca_core.revocation import reason as reason_module
from ca_core.revocation import rules
from ca_core.revocation.desk import Revoked, UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import MAY_GIVE, Asker, Course
from ca_core.subscriber.holdings import Held
from protocols.wire import Reply
from server.portal import own_certificates
from server.portal.own_certificates import ENDED, holding_in, serial_in
from server.portal.route import PortalRoute
from server.portal.visit import KEYS_SCRIPT, Visit, see_other
from server.web.languages import phrase

_ALLOWED = MAY_GIVE[Asker.SUBSCRIBER]
_MOST_SIGNATURE_CHARACTERS = 12_000
"""ML-DSA's are the longest."""
_NO_REASON = phrase("Choose a reason.")
_NOT_CONFIRMED = phrase("Confirm that the certificate is to be revoked for good.")
_NOT_PROVED = phrase(
    "This is no signature by the certificate's key. Take the key that belongs to this certificate, and sign exactly the"
    " text that is shown."
)
_OUTDATED = phrase("The text that you have signed is not good any more. Sign the one that is shown now.")


_SIGN = "printf '%s' '{}' | openssl dgst -sha256 -sign key.pem | openssl base64 -A"
_OPEN = "openssl pkcs12 -in file.p12 -nocerts -noenc -out key.pem"


class Choice(NamedTuple):
    """A reason as a subscriber chooses it; meaning and consequence are English source texts."""

    reason: Reason
    meaning: str
    consequence: str

    @property
    def name(self) -> str:
        """The standard's spelling."""
        return self.reason.text


_STAYS_GOOD = phrase("What was signed with it before stays good.")
CHOICES = (
    Choice(
        Reason.KEY_COMPROMISE,
        phrase("The private key is lost, stolen, copied or seen by somebody else, or may be."),
        phrase("Every other certificate with this key is revoked with it, and the key is certified never again."),
    ),
    Choice(
        Reason.SUPERSEDED,
        phrase("I have another certificate in its place."),
        _STAYS_GOOD,
    ),
    Choice(
        Reason.AFFILIATION_CHANGED,
        phrase("My name, my organization or other data in it has changed."),
        phrase("Tell your registration authority what has changed before you apply for the next one."),
    ),
    Choice(
        Reason.CESSATION_OF_OPERATION,
        phrase("I do not use it any more, nor the names in it."),
        _STAYS_GOOD,
    ),
    Choice(Reason.UNSPECIFIED, phrase("Another reason, or none that I wish to give."), _STAYS_GOOD),
)
"""Every reason that a subscriber may give, the most urgent first."""
_COURSES = {
    Course.AT_ONCE: phrase("It is revoked at once, whatever the reason."),
    Course.REVIEW: phrase(
        "An officer of the registration authority looks at your request first; until then the certificate stays good."
    ),
    Course.REVIEW_ON_HOLD: phrase(
        "An officer of the registration authority looks at your request first; until then the certificate is on hold,"
        " and nobody is to rely on it."
    ),
}


async def show(visit: Visit) -> Reply:
    """Which one, and what became of the requests that were made before."""
    after = visit.query.get(own_certificates.AFTER) or None
    found = await visit.portal.holdings.page(visit.registration, after=after, most=own_certificates.MOST)
    return visit.render(
        "revoke.html",
        lines=[one for one in own_certificates.listed(visit, found) if one.line.status not in ENDED],
        requests=await visit.portal.holdings.requests(visit.registration),
        following=own_certificates.following(visit, found),
    )


async def show_form(visit: Visit) -> Reply:
    """What revoking means, and the forms for it."""
    return await _page(visit)


async def ask(visit: Visit) -> Reply:
    """Revoke, or have an officer look at it."""
    serial = serial_in(visit)
    # Whose it is comes first, whatever is wrong with the form.
    await holding_in(visit)
    try:
        reason = reason_module.parse(visit.form.get("reason"), allowed=_ALLOWED)
    except BadReason:
        return await _page(visit, fault=_NO_REASON, status=422)
    if visit.form.get("confirmed") != "yes":
        return await _page(visit, fault=_NOT_CONFIRMED, status=422)
    return _done(serial, await visit.portal.proving.ask(visit.entered, serial, reason, source=visit.source))


async def prove(visit: Visit) -> Reply:
    """Revoke as compromised, by the certificate's own key."""
    serial = serial_in(visit)
    try:
        # From the script, or pasted by hand.
        signature = _octets(visit.form.get("proof") or visit.form.get("signature"))
        return _done(serial, await visit.portal.proving.prove(visit.entered, serial, signature, source=visit.source))
    except PossessionNotProved:
        return await _page(visit, key_fault=_NOT_PROVED, status=422)
    except PageOutdated:
        return await _page(visit, key_fault=_OUTDATED, status=409)


def _done(serial: str, outcome: Revoked | UnderReview) -> Reply:
    if isinstance(outcome, UnderReview):
        return see_other(f"/certificates/{serial}", said="asked")
    return see_other(f"/certificates/{serial}", said="revoked" if len(outcome.serials) == 1 else "revoked-all")


async def _page(visit: Visit, *, fault: str = "", key_fault: str = "", status: int = 200) -> Reply:
    holding = await holding_in(visit)
    if holding.status in ENDED:
        # There is nothing to choose; its own page says what it is.
        return see_other(f"/certificates/{holding.certificate.serial}")
    challenge = await visit.portal.proving.challenge(visit.entered, holding.certificate.serial)
    chain = own_certificates.chain_of(visit, holding.certificate)
    return visit.render(
        "revoke_one.html",
        status=status,
        scripts=(KEYS_SCRIPT,),
        certificate=holding.certificate,
        purpose=own_certificates.purpose(visit, holding.certificate.profile),
        subject=chain[0].subject.rfc4514_string(),
        pem=chain[0].public_bytes(Encoding.PEM).decode(),
        same_key=holding.same_key,
        waiting=next((one for one in holding.requests if one.decided_at is None), None),
        course=_COURSES[_course(visit, holding)],
        choices=CHOICES,
        chosen=visit.form.get("reason"),
        challenge=challenge,
        sign_line=_SIGN.format(challenge.text),
        open_line=_OPEN,
        challenge_octets=base64.urlsafe_b64encode(challenge.text.encode()).rstrip(b"=").decode(),
        fault=fault,
        key_fault=key_fault,
    )


def _course(visit: Visit, holding: Held) -> Course:
    """What becomes of a request without a proof; no reason of a subscriber's makes a difference."""
    profile = visit.office.profiles.get(holding.certificate.profile)
    kind = visit.office.kinds.get(visit.registration.kind)
    return rules.course(profile, Asker.SUBSCRIBER, Reason.UNSPECIFIED, rules.said_by(kind))


def _octets(text: str) -> bytes:
    """A signature in base64, of either alphabet, in one line or in several, with padding or without.

    Raises:
        PossessionNotProved: it is none.
    """
    plain = "".join(text.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    if not plain or len(plain) > _MOST_SIGNATURE_CHARACTERS or not plain.isascii():
        raise PossessionNotProved("there is no signature")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise PossessionNotProved("the signature is not in base64") from None


ROUTES = (
    PortalRoute("GET", "/revoke", show, Step.SIGNED_IN),
    PortalRoute("GET", "/certificates/{serial}/revoke", show_form, Step.SIGNED_IN),
    PortalRoute("POST", "/certificates/{serial}/revoke", ask, Step.SIGNED_IN),
    PortalRoute("GET", "/certificates/{serial}/prove", show_form, Step.SIGNED_IN),
    PortalRoute("POST", "/certificates/{serial}/prove", prove, Step.SIGNED_IN),
)
