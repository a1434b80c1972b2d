"""What to do next, for each refusal. English here, the rest in the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.web.languages import phrase

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "advice.wrong-secret": phrase(
            "Type it again as it is on the newest sheet; a new sheet ends what was suspended."
        ),
        "advice.certificate-not-accepted": phrase(
            "Choose the certificate that was made for you here; if it has expired or was revoked, ask the operator."
        ),
        "advice.unproven": phrase(
            "Load your officer's certificate into the browser and open the page anew; the operator gives out new ones."
        ),
        "advice.bad-request": phrase(
            "Go back to the page before and do it from there; do not type the address yourself."
        ),
        "advice.bad-csr": phrase(
            "Have the request made anew by the program that holds the key, and send it unchanged."
        ),
        "advice.possession-not-proved": phrase("Have the request made anew with the key that belongs to it."),
        "advice.extension-not-served": phrase("Have the request made anew without that extension."),
        "advice.bad-name": phrase("Look at how the name is written, and type it again."),
        "advice.bad-form": phrase("Go back to the form and look at each field that is marked."),
        "advice.too-large": phrase("Send less at once, or in several parts."),
        "advice.bad-reason": phrase("Go back and choose another reason."),
        "advice.not-found": phrase("Look for it in the list; what belongs to another realm is not shown."),
        "advice.registration-suspended": phrase(
            "Look at the registration: an officer may resume it once the reason is gone."
        ),
        "advice.registration-closed": phrase("It stays closed. Register the subscriber anew under another account."),
        "advice.registration-expired": phrase("Vet the subscriber again, and renew the registration."),
        "advice.credential-spent": phrase("Make a new sheet, or add an EAB key."),
        "advice.credential-expired": phrase("Make a new sheet, or add an EAB key."),
        "advice.credential-revoked": phrase("Make a new sheet, or restore the EAB key if it was revoked by mistake."),
        "advice.not-activated": phrase("Activate the sheet once it has reached the subscriber."),
        "advice.quota-reached": phrase("Revoke certificates that are not needed any more, or wait until one expires."),
        "advice.network-not-allowed": phrase(
            "Do it from an address that is allowed, or change the registered networks."
        ),
        "advice.profile-not-granted": phrase("Grant the profile to the registration first, or choose another one."),
        "advice.profile-not-offered": phrase("Choose one of the profiles that the form shows."),
        "advice.name-not-granted": phrase("Vet the name and add it to the registration, or leave it out."),
        "advice.name-not-proved": phrase("Have the subscriber prove the name first, or vet it and register it."),
        "advice.subject-mismatch": phrase("Look whether the right certificate was chosen."),
        "advice.weak-key": phrase("Have a new key made, of a kind and length that the profile allows."),
        "advice.key-compromised": phrase("Have a new key made; this one may never be used again."),
        "advice.key-in-use": phrase("Have a new key made for this certificate alone."),
        "advice.key-not-made": phrase("Have the key made by the subscriber's own program."),
        "advice.ca-requested": phrase("Have the request made anew for an ordinary certificate."),
        "advice.period-not-offered": phrase("Leave the dates out, or choose dates within the profile's."),
        "advice.too-early": phrase("Wait until the renewal window opens; the certificate's page says when."),
        "advice.certificate-expired": phrase("Renew the registration, and hand over a new sheet."),
        "advice.certificate-revoked": phrase("Have a new certificate applied for; a revoked one never comes back."),
        "advice.certificate-on-hold": phrase("Release it once the reason for the hold is gone, or revoke it."),
        "advice.already-revoked": phrase("There is nothing left to do; the certificate's page says when and why."),
        "advice.request-rejected": phrase(
            "Read the reason on the request's page, and make a new request if it is gone."
        ),
        "advice.not-printable": phrase(
            "Change the character or the field that the text below names, then print again."
        ),
        "advice.account-taken": phrase("Choose another account, or look for the registration that has it."),
        "advice.changed-meanwhile": phrase(
            "Open the page anew, look at what is there now, and make your change again."
        ),
        "advice.wrong-state": phrase("Open the page anew: what can be done now is shown there."),
        "advice.not-permitted": phrase("Ask a supervisor, or somebody whose role permits it."),
        "advice.own-request": phrase("Ask another officer to decide it."),
        "advice.throttled": phrase("Wait a minute, then do it again."),
        "advice.store-unavailable": phrase(
            "Nothing was changed. Try again in a minute; if it stays so, call the operator."
        ),
        "advice.key-unavailable": phrase(
            "Nothing was issued. Try again in a minute; if it stays so, call the operator."
        ),
        "advice.journal-unavailable": phrase(
            "Nothing was done. Call the operator: without the journal nothing may be done."
        ),
        "advice.restore-unacknowledged": phrase("Call the operator; until then nothing can be changed."),
        "advice.in-progress": phrase("Wait a moment and load the page again; do not send the form twice."),
        "advice.session-ended": phrase("Sign in again; what was not sent has to be typed again."),
        "advice.passkey-refused": phrase("Use the passkey that was registered here, or ask a supervisor."),
        "advice.bad-password": phrase("Choose a longer one that is in no list and not made of your own data."),
        "advice.password-to-be-changed": phrase("Choose a password of your own, then go on."),
        "advice.second-factor-needed": phrase("Show your passkey, then go on."),
        "advice.page-outdated": phrase("Open the page anew and fill it in again."),
        "advice.sign-ins-crowded": phrase("Wait a moment, then sign in again."),
        "advice.method-not-allowed": phrase("Open the page by its link, and use the buttons that it shows."),
    }
)
"""By the words of `server.answers`."""
