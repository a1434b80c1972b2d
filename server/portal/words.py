"""Words for what is a code, as a subscriber is told them. English here, the rest in the catalogs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from server.desk import words as desk_words
from server.portal import event_groups
from server.web import advice as desk_advice
from server.web.event_members import HELD, MEMBERS
from server.web.event_words import EVENTS, REASONS, STATES
from server.web.languages import phrase

__all__ = ["ADVICE", "VOCABULARY", "WORDS", "phrase"]

_ASK = phrase("Ask your registration authority, and tell them what this page says.")
_SHEET = phrase("Ask your registration authority for a new password sheet.")
# What an officer is told of these holds for a subscriber, too.
_ALIKE = (
    *("bad-csr", "possession-not-proved", "extension-not-served", "bad-name", "bad-form", "too-large", "bad-reason"),
    *("bad-request", "weak-key", "key-compromised", "key-in-use", "ca-requested", "period-not-offered"),
    *("quota-reached", "already-revoked", "changed-meanwhile", "wrong-state", "throttled", "in-progress"),
    *("session-ended", "bad-password", "password-to-be-changed", "second-factor-needed", "page-outdated"),
    *("sign-ins-crowded", "method-not-allowed"),
)
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        **{name.replace("refusal.", "advice."): _ASK for name in desk_words.REFUSALS},
        **{f"advice.{word}": desk_advice.ADVICE[f"advice.{word}"] for word in _ALIKE},
        "advice.wrong-secret": phrase("Go back and type it again; whoever has forgotten it needs a new sheet."),
        "advice.not-found": phrase("Look for it in your lists; what belongs to somebody else is not shown."),
        "advice.registration-suspended": phrase("Ask your registration authority why, and when it ends."),
        "advice.registration-expired": _SHEET,
        "advice.credential-expired": _SHEET,
        "advice.credential-spent": _SHEET,
        "advice.credential-revoked": _SHEET,
        "advice.certificate-expired": phrase(
            "An expired certificate renews nothing: your registration authority registers you anew and hands over a"
            " new sheet."
        ),
        "advice.certificate-revoked": phrase("Apply for a new one; a revoked certificate never comes back."),
        "advice.too-early": phrase("Come back when the renewal window opens; the page about renewing says when."),
        "advice.passkey-refused": phrase("Use a passkey that you registered here, or sign in with your password."),
        "advice.store-unavailable": phrase("Nothing was changed. Try again in a minute."),
        "advice.key-unavailable": phrase("Nothing was issued. Try again in a minute."),
        "advice.journal-unavailable": phrase("Nothing was done. Try again in a minute."),
    }
)
"""What to do next, for each refusal, by the words of `server.answers`."""

WORDS = desk_words.WORDS
"""By group and code, such as `status.active`."""

VOCABULARY: Mapping[str, str] = MappingProxyType(
    {**WORDS, **EVENTS, **event_groups.WORDS, **REASONS, **STATES, **MEMBERS, **HELD, **ADVICE}
)
"""All words of the portal, by group and code."""
