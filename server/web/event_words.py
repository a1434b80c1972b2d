"""Words for what the journal holds, and for why certificates are revoked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.web.languages import phrase

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "reason.unspecified": phrase("no reason given"),
        "reason.keyCompromise": phrase("the key is in wrong hands"),
        "reason.cACompromise": phrase("the CA's key is in wrong hands"),
        "reason.affiliationChanged": phrase("name or organization has changed"),
        "reason.superseded": phrase("another one has taken its place"),
        "reason.cessationOfOperation": phrase("not used any more"),
        "reason.certificateHold": phrase("on hold"),
        "reason.privilegeWithdrawn": phrase("the right to it was withdrawn"),
        "reason.aACompromise": phrase("the attribute authority's key is in wrong hands"),
    }
)
"""Of the reasons of revocations."""

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "event.valid-from": phrase("Its validity begins"),
        "event.window-opens": phrase("It may be renewed from now on"),
        "event.valid-until": phrase("Its validity ends"),
        "event.registered": phrase("Subscriber registered"),
        "event.amended": phrase("Registration amended"),
        "event.registration-renewed": phrase("Registration renewed"),
        "event.status-changed": phrase("Status of the registration changed"),
        "event.names-changed": phrase("Registered names changed"),
        "event.policy-grant": phrase("Names need no challenge: they are vetted"),
        "event.sheet-issued": phrase("Password sheet made"),
        "event.sheet-activated": phrase("Password sheet activated"),
        "event.credential-refused": phrase("Secret or certificate refused"),
        "event.eab-key-added": phrase("EAB key added"),
        "event.eab-key-rotated": phrase("EAB key replaced"),
        "event.eab-key-revoked": phrase("EAB key revoked"),
        "event.eab-key-restored": phrase("EAB key restored"),
        "event.enrollment-code-added": phrase("Enrollment code added"),
        "event.enrollment-code-rotated": phrase("Enrollment code replaced"),
        "event.enrollment-code-revoked": phrase("Enrollment code revoked"),
        "event.agreement-published": phrase("Subscriber agreement published"),
        "event.acme-account-bound": phrase("ACME account bound"),
        "event.acme-account-deactivated": phrase("ACME account deactivated"),
        "event.acme-contacts-changed": phrase("ACME contacts changed"),
        "event.agreement-accepted": phrase("Agreement accepted at the portal"),
        "event.acme-agreement-accepted": phrase("Agreement accepted through ACME"),
        "event.acme-key-changed": phrase("ACME account key changed"),
        "event.acme-order-placed": phrase("ACME order placed"),
        "event.acme-name-asked": phrase("Authorization for a name asked for"),
        "event.acme-authorization-deactivated": phrase("Authorization given up"),
        "event.name-proved": phrase("Name proved by a challenge"),
        "event.challenge-failed": phrase("Challenge failed"),
        "event.name-paused": phrase("Name paused after many failures"),
        "event.name-unpaused": phrase("Pause of a name ended"),
        "event.certificate-issued": phrase("Certificate issued"),
        "event.certificate-adopted": phrase("Certificate taken over from elsewhere"),
        "event.certificate-revoked": phrase("Certificate revoked"),
        "event.certificate-held": phrase("Certificate put on hold"),
        "event.certificate-released": phrase("Certificate released from hold"),
        "event.certificates-recalled": phrase("Certificates to be replaced early"),
        "event.intention-abandoned": phrase("Issuing given up"),
        "event.key-blocked": phrase("Key blocked for good"),
        "event.key-made": phrase("Private key made by the server"),
        "event.decryption-key-made": phrase("Transport key made"),
        "event.enrollment-referred": phrase("Request for a certificate referred to officers"),
        "event.enrollment-handed-over": phrase("Request for a certificate taken over by a newer order"),
        "event.enrollment-approved": phrase("Request for a certificate approved"),
        "event.enrollment-rejected": phrase("Request for a certificate rejected"),
        "event.enrollment-lapsed": phrase("Request for a certificate lapsed"),
        "event.enrollment-request-late": phrase("Request for a certificate waits too long"),
        "event.revocation-requested": phrase("Revocation requested"),
        "event.revocation-request-closed": phrase("Revocation request decided"),
        "event.revocation-request-late": phrase("Revocation request waits too long"),
        "event.bulk-revocation": phrase("Many certificates revoked"),
        "event.desk-request-made": phrase("Asked for other officers' approval"),
        "event.desk-request-late": phrase("An officer's request waits too long"),
        "event.desk-request-closed": phrase("An officer's request decided"),
        "event.vote-cast": phrase("Approval counted"),
        "event.own-secret-approved": phrase("Approved by who made the secret that asked, for want of others"),
        "event.crl-published": phrase("Revocation list published"),
        "event.ca-made": phrase("CA made"),
        "event.ca-requested": phrase("CA certificate asked for elsewhere"),
        "event.ca-withdrawn": phrase("CA withdrawn"),
        "event.authority-made": phrase("Authority founded"),
        "event.root-trusted": phrase("Root trusted"),
        "event.roots-crossed": phrase("Roots certified by each other"),
        "event.server-started": phrase("Server started"),
        "event.server-stopped": phrase("Server stopped"),
        "event.backup-made": phrase("Backup made"),
        "event.home-restored": phrase("Backup restored"),
        "event.restore-acknowledged": phrase("Restored backup accepted"),
        "event.officer-added": phrase("Officer added"),
        "event.officer-ended": phrase("Officer left"),
        "event.token-added": phrase("Token given out"),
        "event.token-ended": phrase("Token ended"),
        "event.notice-sent": phrase("Notice sent"),
        "event.notice-failed": phrase("Notice not delivered"),
        "event.notices-declined": phrase("Reminders declined"),
        "event.notices-wanted": phrase("Reminders wanted again"),
        "event.store-moved": phrase("Database moved"),
        "event.signed-in": phrase("Signed in"),
        "event.signed-out": phrase("Signed out"),
        "event.password-suspended": phrase("Password suspended"),
        "event.password-changed": phrase("Password changed"),
        "event.passkey-code-made": phrase("Code for a passkey made"),
        "event.passkey-added": phrase("Passkey registered"),
        "event.passkey-removed": phrase("Passkey removed"),
        "event.passkey-rejected": phrase("Passkey refused"),
        "event.import-begun": phrase("Import begun"),
        "event.import-ended": phrase("Import ended"),
    }
)
"""Of the journal's events, and of the dates in a certificate's life; what is not here is called by its code."""

STATES: Mapping[str, str] = MappingProxyType(
    {
        "request-state.issued": phrase("issued"),
        "request-state.overtaken": phrase("revoked meanwhile"),
    }
)
"""Of requests of subscribers, which end in more ways than officers' own."""
