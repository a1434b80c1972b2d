"""Words for what is a code in the core: states, roles, kinds, refusals. English here, the rest in the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.web.advice import ADVICE
from server.web.event_members import HELD, MEMBERS
from server.web.event_words import EVENTS, REASONS, STATES
from server.web.languages import phrase

__all__ = ["FIELDS", "REFUSALS", "REGISTRATION", "STAFF", "VOCABULARY", "WORDS", "phrase"]

REGISTRATION: Mapping[str, str] = MappingProxyType(
    {
        "kind.person": phrase("Person"),
        "kind.organization": phrase("Organization"),
        "kind.device": phrase("Device"),
        "kind.partner": phrase("Partner"),
        "status.active": phrase("active"),
        "status.suspended": phrase("suspended"),
        "status.expired": phrase("expired"),
        "status.closed": phrase("closed"),
        "language.zh-Hant": phrase("Traditional Chinese"),
        "language.en": phrase("English"),
        "credential.initial-password": phrase("Initial password"),
        "credential.enrollment-code": phrase("Enrollment code"),
        "credential.eab-key": phrase("EAB key"),
        "credential-status.active": phrase("usable"),
        "credential-status.dormant": phrase("waits to be activated"),
        "credential-status.revoked": phrase("revoked"),
        "credential-status.void": phrase("void"),
        "credential-status.spent": phrase("used up"),
        "credential-status.expired": phrase("expired"),
        "certificate-status.valid": phrase("valid"),
        "certificate-status.about to expire": phrase("about to expire"),
        "certificate-status.expired": phrase("expired"),
        "certificate-status.revoked": phrase("revoked"),
        "certificate-status.on hold": phrase("on hold"),
    }
)
"""Of registrations and what belongs to them."""

STAFF: Mapping[str, str] = MappingProxyType(
    {
        "role.officer": phrase("officer"),
        "role.supervisor": phrase("supervisor"),
        "role.auditor": phrase("auditor"),
        "role.operator": phrase("operator"),
        "role.integrator": phrase("integrator"),
        "request.register": phrase("Registering"),
        "request.reprint": phrase("New password sheet"),
        "request.revoke": phrase("Revocation"),
        "request.amend": phrase("Change of registered data"),
        "request.enrollment": phrase("Certificate"),
        "request.revocation": phrase("Revocation"),
        "request-state.pending": phrase("waits for approval"),
        "request-state.approved": phrase("approved"),
        "request-state.rejected": phrase("rejected"),
        "request-state.lapsed": phrase("lapsed"),
        "request-state.done": phrase("done"),
    }
)
"""Of who works here, and of what they ask for."""

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "refusal.wrong-secret": phrase("The account or the secret is not right."),
        "refusal.certificate-not-accepted": phrase("This certificate is not an officer's."),
        "refusal.unproven": phrase("The desk is for officers: connect with an officer's certificate."),
        "refusal.bad-request": phrase("The request cannot be read. Open the page anew."),
        "refusal.bad-csr": phrase("The certification request cannot be accepted."),
        "refusal.possession-not-proved": phrase("The key has not signed its certification request."),
        "refusal.extension-not-served": phrase(
            "The certification request asks for an extension that is not to be had."
        ),
        "refusal.bad-name": phrase("A name is not written as it must be."),
        "refusal.bad-form": phrase("Something in the form is wrong."),
        "refusal.too-large": phrase("That was too much at once."),
        "refusal.bad-reason": phrase("This reason cannot be given here."),
        "refusal.not-found": phrase("There is no such thing, or it is not yours."),
        "refusal.registration-suspended": phrase("The registration is suspended."),
        "refusal.registration-closed": phrase("The registration is closed."),
        "refusal.registration-expired": phrase("The registration has expired."),
        "refusal.credential-spent": phrase("The secret is used up."),
        "refusal.credential-expired": phrase("The secret has expired."),
        "refusal.credential-revoked": phrase("The secret is revoked."),
        "refusal.not-activated": phrase("The password sheet is not activated yet."),
        "refusal.quota-reached": phrase("The registration has as many certificates as its kind allows."),
        "refusal.network-not-allowed": phrase("It may not be used from this address."),
        "refusal.profile-not-granted": phrase("The registration does not hold this profile."),
        "refusal.profile-not-offered": phrase("There is no such profile here."),
        "refusal.name-not-granted": phrase("The registration does not hold this name."),
        "refusal.name-not-proved": phrase("The name must be proved by a challenge first."),
        "refusal.subject-mismatch": phrase("The request is about somebody else than the certificate."),
        "refusal.weak-key": phrase("The key is too weak, or of a kind that is not allowed."),
        "refusal.key-compromised": phrase("Others have this key."),
        "refusal.key-in-use": phrase("The key belongs to something else already."),
        "refusal.key-not-made": phrase("The server makes no key for this."),
        "refusal.ca-requested": phrase("A CA certificate is not to be had here."),
        "refusal.period-not-offered": phrase("A certificate cannot have these dates."),
        "refusal.too-early": phrase("It is too early."),
        "refusal.certificate-expired": phrase("The certificate has expired."),
        "refusal.certificate-revoked": phrase("The certificate is revoked."),
        "refusal.certificate-on-hold": phrase("The certificate is on hold."),
        "refusal.already-revoked": phrase("The certificate is revoked already."),
        "refusal.request-rejected": phrase("The request was rejected."),
        "refusal.not-printable": phrase(
            "The sheet cannot be printed. No sheet was made; the one before is still good."
        ),
        "refusal.account-taken": phrase("There is such an account already."),
        "refusal.changed-meanwhile": phrase("Somebody else has changed it meanwhile. Look at it again."),
        "refusal.wrong-state": phrase("It is not in a state that allows this."),
        "refusal.not-permitted": phrase("Your role does not permit this."),
        "refusal.own-request": phrase("Nobody decides what they asked for themselves."),
        "refusal.throttled": phrase("That was too often. Wait a moment."),
        "refusal.store-unavailable": phrase("The database cannot be reached. Try again soon."),
        "refusal.key-unavailable": phrase("The CA's key cannot be reached. Try again soon."),
        "refusal.journal-unavailable": phrase("The journal cannot be written. Try again soon."),
        "refusal.restore-unacknowledged": phrase("An operator must look at a restored backup first."),
        "refusal.in-progress": phrase("It is being done. Look again in a moment."),
        "refusal.session-ended": phrase("The session has ended. Sign in again."),
        "refusal.passkey-refused": phrase("The passkey proves nothing here."),
        "refusal.bad-password": phrase("Nobody may choose this password."),
        "refusal.password-to-be-changed": phrase("The initial password must be changed first."),
        "refusal.second-factor-needed": phrase("A passkey is to be shown first."),
        "refusal.page-outdated": phrase("The page is old. Open it anew."),
        "refusal.sign-ins-crowded": phrase("Too many people sign in at once. Wait a moment."),
        "refusal.method-not-allowed": phrase("This cannot be done with this address."),
    }
)
"""Of `server.answers`, by its words."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "field.account": phrase("Account"),
        "field.kind": phrase("Kind"),
        "field.subject": phrase("Distinguished name"),
        "field.names": phrase("Names"),
        "field.names.dns": phrase("DNS names"),
        "field.names.zone": phrase("Zones"),
        "field.names.ip": phrase("IP addresses"),
        "field.names.email": phrase("E-mail addresses"),
        "field.names.uri": phrase("URIs"),
        "field.names.device": phrase("Device identifiers"),
        "field.profiles": phrase("Profiles"),
        "field.uses": phrase("Uses of each machine secret"),
        "field.language": phrase("Language"),
        "field.realm": phrase("Realm"),
        "field.contact.name": phrase("Contact: name"),
        "field.contact.email": phrase("Contact: e-mail"),
        "field.contact.phone": phrase("Contact: telephone"),
        "field.contact.address": phrase("Contact: postal address"),
        "field.contact.identity_number": phrase("ID or company number"),
        "field.days": phrase("Days until it expires"),
        "field.networks": phrase("Networks"),
        "field.called": phrase("What it is called"),
        "field.overlap": phrase("Hours that the old key works on"),
        "field.confirmed": phrase("Confirmation"),
        "field.challenged": phrase("Challenges"),
        "field.unlimited": phrase("Without limit"),
        "field.note": phrase("Note for those who approve"),
    }
)
"""Of forms, by the names of their fields, which are those of faults as well."""

WORDS: Mapping[str, str] = MappingProxyType({**REGISTRATION, **STAFF, **REFUSALS, **FIELDS})
"""By group and code, such as `status.active`."""

VOCABULARY: Mapping[str, str] = MappingProxyType({**WORDS, **EVENTS, **REASONS, **STATES, **MEMBERS, **HELD, **ADVICE})
"""All words of the desk, with those that are every page's, by group and code."""
