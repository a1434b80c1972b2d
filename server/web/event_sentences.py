"""What each event of the journal says, as one sentence. English here, the rest in the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.web.languages import phrase

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "registered": phrase("%(kind)s %(account)s was registered by %(who)s."),
        "amended": phrase("The registration was changed by %(who)s: %(fields)s."),
        "registration-renewed": phrase("The vetting was renewed by %(who)s; it is good until %(expires_at)s."),
        "status-changed.suspended": phrase("The registration was suspended by %(who)s: every door is shut to it."),
        "status-changed.active": phrase("The registration was resumed by %(who)s."),
        "status-changed.closed": phrase("The registration was closed for good by %(who)s."),
        "names-changed": phrase("The registered names were changed by %(who)s; they are now %(names)s."),
        "names-changed.none": phrase("The registered names were taken away by %(who)s; there are none now."),
        "policy-grant": phrase("No challenge is needed for %(names)s: the registration authority has vetted them."),
        "sheet-issued": phrase("Sheet %(number)s was made by %(who)s; it voids sheet %(previous)s."),
        "sheet-issued.first": phrase("Sheet %(number)s, the first one, was made by %(who)s."),
        "sheet-activated": phrase("Sheet %(number)s was activated by %(who)s: its secrets work from now on."),
        "credential-refused": phrase(
            "What was shown for the account %(account)s through %(door)s was refused: %(why)s"
        ),
        "credential-refused.wrong": phrase(
            "A wrong secret was shown for the account %(account)s through %(door)s; it opened nothing."
        ),
        "credential-refused.certificate": phrase("A certificate that was shown through %(door)s was refused: %(why)s"),
        "credential-refused.unknown": phrase("Something was shown through %(door)s that opens nothing."),
        "eab-key-added": phrase("The EAB key %(kid)s was added to sheet %(sheet)s by %(who)s."),
        "eab-key-rotated": phrase(
            "The EAB key %(replaces)s was replaced with %(kid)s by %(who)s; the old one works until %(ends_at)s."
        ),
        "eab-key-revoked": phrase(
            "The EAB key %(kid)s was revoked by %(who)s; the ACME accounts that it bound can do nothing any more."
        ),
        "eab-key-restored": phrase(
            "The EAB key %(kid)s was restored by %(who)s; the ACME accounts that it bound go on."
        ),
        "enrollment-code-added": phrase("An enrollment code was added to sheet %(sheet)s by %(who)s."),
        "enrollment-code-rotated": phrase(
            "An enrollment code was replaced by %(who)s; the old one opens nothing any more."
        ),
        "enrollment-code-revoked": phrase(
            "An enrollment code was revoked by %(who)s; the certificates that it brought renew themselves no more."
        ),
        "agreement-published": phrase("Version %(version)s of the subscriber agreement counts from now on."),
        "acme-account-bound": phrase("An ACME account was bound to the registration with the EAB key %(kid)s."),
        "acme-account-bound.open": phrase("An ACME account was opened without an EAB key."),
        "acme-account-deactivated": phrase("An ACME account was deactivated by %(who)s."),
        "acme-contacts-changed": phrase("The contacts of an ACME account were changed by %(who)s."),
        "agreement-accepted": phrase("Version %(version)s of the subscriber agreement was accepted by %(who)s."),
        "acme-agreement-accepted": phrase("Version %(version)s of the subscriber agreement was accepted by %(who)s."),
        "acme-key-changed": phrase("The key of an ACME account was changed by %(who)s."),
        "acme-order-placed": phrase("A certificate for %(names)s was ordered by %(who)s."),
        "acme-order-placed.vetted": phrase("A certificate was ordered by %(who)s."),
        "acme-name-asked": phrase("An authorization for %(name)s was asked for by %(who)s."),
        "acme-name-asked.spans": phrase(
            "An authorization for %(name)s and all names below it was asked for by %(who)s."
        ),
        "acme-authorization-deactivated": phrase("The authorization for %(name)s was given up by %(who)s."),
        "name-proved": phrase("Control of %(name)s was proved by the challenge %(challenge)s."),
        "challenge-failed": phrase("The challenge %(challenge)s for %(name)s failed (%(problem)s)."),
        "name-paused": phrase("%(name)s is paused after %(failures)s failed challenges in a row."),
        "name-unpaused": phrase("The pause of %(name)s was ended by %(who)s."),
        "certificate-issued": phrase(
            "A certificate for %(names)s was issued for the profile %(profile)s to %(who)s, valid until %(not_after)s."
        ),
        "certificate-issued.plain": phrase(
            "A certificate was issued for the profile %(profile)s to %(who)s, valid until %(not_after)s."
        ),
        "certificate-issued.renewed": phrase(
            "A certificate was renewed for the profile %(profile)s for %(who)s, and is valid until %(not_after)s."
        ),
        "certificate-issued.recovered": phrase(
            "A certificate (%(profile)s), signed before a failure, was recovered; it is valid until %(not_after)s."
        ),
        "certificate-adopted": phrase(
            "A certificate of the profile %(profile)s that the database lacked was taken over by %(who)s."
        ),
        "certificate-revoked": phrase("The certificate was revoked by %(who)s: %(reason)s."),
        "certificate-revoked.again": phrase(
            "The reason of the revocation was changed by %(who)s from “%(was)s” to “%(reason)s”."
        ),
        "certificate-revoked.key": phrase(
            "The certificate was revoked because it has the compromised key of another one: %(reason)s."
        ),
        "certificate-held": phrase("The certificate was put on hold by %(who)s."),
        "certificate-released": phrase("The certificate was released from hold by %(who)s."),
        "certificates-recalled": phrase("%(count)s certificates are to be replaced early, as %(who)s asked."),
        "certificates-recalled.back": phrase(
            "%(count)s certificates need not be replaced early any more, as %(who)s asked."
        ),
        "intention-abandoned": phrase(
            "A certificate that was about to be signed was given up; its serial is revoked to be safe."
        ),
        "key-blocked": phrase(
            "The key of an expired certificate is compromised, says %(who)s; nobody gets another certificate with it."
        ),
        "key-made": phrase("A private key (%(key_type)s) was made by the server for %(who)s; nothing of it was kept."),
        "decryption-key-made": phrase("The transport key %(key_id)s was made by %(who)s; an earlier one is void."),
        "enrollment-referred": phrase(
            "Request %(request)s for a certificate (%(profile)s) was made by %(who)s; it waits for an officer."
        ),
        "enrollment-handed-over": phrase(
            "Request %(request)s for a certificate was made again and goes on with what was sent last."
        ),
        "enrollment-approved": phrase("Request %(request)s for a certificate was approved by %(who)s."),
        "enrollment-rejected": phrase("Request %(request)s for a certificate was rejected by %(who)s."),
        "enrollment-lapsed": phrase("Request %(request)s for a certificate lapsed undecided."),
        "enrollment-request-late": phrase(
            "Half the time to decide request %(request)s for a certificate is over; it is due on %(due_at)s."
        ),
        "enrollment-request-late.overdue": phrase("Request %(request)s for a certificate is overdue since %(due_at)s."),
        "revocation-requested": phrase(
            "Revocation request %(request)s was made by %(who)s: %(reason)s. It waits for an officer."
        ),
        "revocation-request-closed": phrase("Revocation request %(request)s was closed by %(who)s: %(outcome)s."),
        "revocation-request-late": phrase(
            "Half the time to decide revocation request %(request)s is over; it is due on %(due_at)s."
        ),
        "revocation-request-late.overdue": phrase("Revocation request %(request)s is overdue since %(due_at)s."),
        "bulk-revocation": phrase("%(count)s certificates were revoked at once by %(who)s: %(reason)s."),
        "desk-request-made": phrase(
            "Request %(request)s (%(action)s) was made by %(who)s; it needs the approval of %(needed)s."
        ),
        "vote-cast": phrase("Request %(request)s was approved by %(who)s: %(given)s of %(needed)s approvals."),
        "desk-request-late": phrase("Half the time to decide request %(request)s is over; it is due on %(due_at)s."),
        "desk-request-late.overdue": phrase("Request %(request)s is overdue since %(due_at)s."),
        "passkey-code-made": phrase(
            "A code to register a passkey with was made for %(name)s by %(who)s; it works once."
        ),
        "own-secret-approved": phrase(
            "Request %(request)s was approved by %(who)s, who had made the secret that asked, for want of others."
        ),
        "desk-request-closed": phrase("Request %(request)s was closed by %(who)s: %(state)s."),
        "crl-published": phrase("Revocation list %(number)s of the CA %(name)s was published."),
        "crl-published.shard": phrase("Revocation list %(number)s of part %(shard)s of the CA %(name)s was published."),
        "ca-made": phrase("The CA %(name)s was made by %(who)s; it signs from %(signs_from)s."),
        "ca-requested": phrase("A key for the CA %(name)s was made by %(who)s; another CA is to certify it."),
        "ca-withdrawn": phrase("The request for the CA %(name)s was given up by %(who)s."),
        "authority-made": phrase("The certification authority was founded by %(who)s."),
        "root-trusted": phrase("The root %(name)s was made part of a chain here by %(who)s."),
        "roots-crossed": phrase("The root %(subject)s was certified by the root %(issuer)s."),
        "server-started": phrase("The server was started with version %(version)s."),
        "server-stopped": phrase("The server was stopped as it was asked to."),
        "store-moved": phrase("The database was moved by %(who)s: %(rows)s rows."),
        "backup-made": phrase("A backup with all keys was made by %(who)s."),
        "home-restored": phrase("A backup was restored by %(who)s."),
        "restore-acknowledged": phrase("%(who)s accepted that rows of the journal are lost."),
        "officer-added": phrase("%(role)s %(name)s was taken on by %(who)s in the realm %(realm)s."),
        "officer-ended": phrase("%(name)s has left, says %(who)s: certificates and tokens open nothing any more."),
        "token-added": phrase("A token was given out by %(who)s; it is good until %(expires_at)s."),
        "token-ended": phrase("The token %(token)s was ended by %(who)s."),
        "notice-sent": phrase("A mail was sent: %(topic)s."),
        "notice-failed": phrase("A notice was not delivered and is not tried again: %(topic)s."),
        "notices-declined": phrase("Reminders were declined by %(who)s."),
        "notices-wanted": phrase("Reminders are wanted again by %(who)s."),
        "signed-in": phrase("A session was begun by %(who)s."),
        "signed-in.step": phrase("A session was begun by %(who)s; a step is still missing: %(step)s."),
        "signed-out": phrase("The session was ended by %(who)s."),
        "password-suspended": phrase(
            "The password was suspended after %(guesses)s different wrong ones; only a new sheet ends that."
        ),
        "password-changed": phrase("The password was changed by %(who)s; the other sessions are over."),
        "password-changed.first": phrase("The initial password was replaced by %(who)s with one of their own."),
        "passkey-added": phrase("The passkey “%(label)s” was registered by %(who)s."),
        "passkey-removed": phrase("The passkey “%(label)s” was removed by %(who)s."),
        "passkey-rejected": phrase("A passkey that was shown proved nothing."),
        "passkey-rejected.counter": phrase(
            "A passkey was refused because its counter did not grow: it may have been copied."
        ),
        "import-begun": phrase("An import into the realm %(realm)s was begun by %(who)s (run %(run)s)."),
        "import-ended": phrase(
            "Run %(run)s of an import ended: %(registered)s registered, %(waiting)s waiting, %(bad)s bad lines."
        ),
    }
)
"""By the event; where one has several, by the event and what tells them apart (`server.web.telling`)."""
