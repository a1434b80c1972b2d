"""What the pages that apply and renew have in common: what they show of a line, and what is posted."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from ca_core.errors import BadCsr, NameNotGranted, Refusal, TooLarge
from ca_core.names import Identifier
from ca_core.policy.subject import common_names
from ca_core.registration.account import Registration
from ca_core.subscriber.applying import AGREEMENT, Applying, Consent, Papers
from ca_core.subscriber.standing import Line, Standing
from server import answers
from server.portal.agreement_text import paragraphs
from server.portal.visit import Visit
from server.portal.words import phrase
from server.web import languages

MOST_FILE_OCTETS = 24 * 1024
"""Two such files, and all else that is in the form, are within what is read of one."""
_BEGIN, _END = (re.compile(rf"-----{word} (?:NEW )?CERTIFICATE REQUEST-----") for word in ("BEGIN", "END"))
_SHOWN = 80
KEY_TYPES: Mapping[str, str] = MappingProxyType(
    {"ec-p256": "ECDSA P-256", "ec-p384": "ECDSA P-384", "rsa-2048": "RSA 2048", "rsa-3072": "RSA 3072"}
)
"""What a browser makes, as people call it."""
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "signing": phrase("Signing certificate"),
        "encryption": phrase("Encryption certificate"),
        "tls-server": phrase("Server certificate"),
        "device": phrase("Device certificate"),
    }
)
"""What profiles are called; those of settings are called what they are called there."""
PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "signing": phrase("With it you sign documents and mail, and show who you are."),
        "encryption": phrase("With it others encrypt what only you can read. Keep a copy of its key."),
        "tls-server": phrase("With it a server shows its names to browsers and other clients."),
    }
)


class Row(msgspec.Struct, frozen=True):
    """A line as a page shows it.

    Attributes:
        profile: its name, which is the end of the names of its fields.
        purpose: what it is for, in English; empty where nobody says.
        names: those that may be in the certificate, as people write them.
        may_choose: whether fewer than all of them may be chosen.
        is_offered: whether it may be applied for; what is held is renewed.
    """

    profile: str
    label: str
    purpose: str
    line: Line
    names: tuple[str, ...]
    may_choose: bool
    is_offered: bool


class Said(msgspec.Struct, frozen=True):
    """A refusal as a page says it.

    Attributes:
        word: as in `server.answers`.
        detail: in English.
        opens_at: UTC seconds; None where it is not about time.
    """

    label: str
    word: str
    detail: str
    opens_at: int | None = None


def applying(visit: Visit) -> Applying:
    """The service, as this server has it."""
    portal, office = visit.portal, visit.office
    return Applying(
        office.database,
        office.clock,
        portal.enrollment,
        revocations=office.revocations,
        kinds=office.kinds,
        current=portal.agreements.current,
    )


def label(visit: Visit, profile: str) -> str:
    """What a profile is called."""
    return languages.texts(visit.language).gettext(LABELS[profile]) if profile in LABELS else profile


def row(visit: Visit, line: Line) -> Row:
    """A line as a page shows it."""
    profile = line.profile
    return Row(
        profile=profile.name,
        label=label(visit, profile.name),
        purpose=PURPOSES.get(profile.name, ""),
        line=line,
        names=tuple(str(name) for name in sorted(line.names)),
        may_choose=profile.names_required and len(line.names) > 1,
        is_offered=line.standing in {Standing.FREE, Standing.EXPIRED},
    )


def said(visit: Visit, profile: str, refusal: Refusal) -> Said:
    """A refusal as a page says it."""
    opens_at = getattr(refusal, "opens_at", None)
    return Said(label(visit, profile), answers.TABLE[type(refusal)].word, str(refusal), opens_at)


def values(papers: Papers, visit: Visit) -> dict[str, object]:
    """What both pages' templates name."""
    agreement = papers.agreement
    return {
        "papers": papers,
        "registration": papers.registration,
        "common_name": common_name(papers.registration),
        "key_types": KEY_TYPES,
        "agreement": agreement,
        "paragraphs": paragraphs(agreement) if agreement and papers.must_accept else (),
        "agreement_url": visit.portal.agreements.text_url(agreement.version) if agreement else "",
    }


def common_name(registration: Registration) -> str:
    """What a certification request that is made in a tab calls its subject; empty where there is no such name."""
    return next(iter(common_names(registration.subject_der)), "")


def consent(visit: Visit) -> Consent | None:
    """Which agreement is accepted with a form; None where none is."""
    form = visit.form
    return Consent(form.get("version"), form.get("sha256")) if form.get(AGREEMENT) else None


def csr(visit: Visit, profile: str) -> bytes:
    """The certification request for a profile, in DER: of the file that was chosen, or else what was pasted.

    Raises:
        BadCsr: there is none, or it is neither PEM nor base64.
        TooLarge: the file is more than any request.
    """
    octets = visit.form.file(f"file.{profile}")
    if len(octets) > MOST_FILE_OCTETS:
        raise TooLarge(f"a file with a certification request may have {MOST_FILE_OCTETS} octets; choose the right one")
    # PEM is ASCII, and DER is not: a sequence of more than 127 octets tells its length by an octet beyond.
    if octets[:1] == b"0" and octets[1:2] > b"\x80":
        return octets
    return csr_in(octets.decode("latin-1") or visit.form.get(f"csr.{profile}"))


def csr_in(text: str) -> bytes:
    """The certification request in a text, in DER.

    Raises:
        BadCsr: there is none, or it is neither PEM nor base64.
    """
    if not text:
        raise BadCsr("there is no certification request; choose a kind of key, or paste a request that you have made")
    try:
        return base64.b64decode("".join(_unarmoured(text).split()), validate=True)
    except ValueError:
        raise BadCsr("the certification request is neither PEM nor base64; send the file as it was made") from None


def _unarmoured(text: str) -> str:
    """The first request of a text in PEM; the text itself where there is none."""
    # Not one expression for both: from each of a thousand beginnings it would look for an end that never comes.
    begin = _BEGIN.search(text)
    end = _END.search(text, begin.end()) if begin else None
    return text[begin.end() : end.start()] if begin and end else text


def chosen_names(visit: Visit, line: Line) -> frozenset[Identifier] | None:
    """Which of a line's names are ticked; None where there was nothing to choose.

    Raises:
        NameNotGranted: one that is not, or not any more, among them.
    """
    ticked, known = set(visit.form.every(f"names.{line.profile.name}")), {str(name): name for name in line.names}
    if unknown := ticked - known.keys():
        # To leave it out would ask for something else: where none is left, for all.
        raise NameNotGranted(f"{min(unknown)[:_SHOWN]} is not among the names that this certificate may have")
    return frozenset(known[name] for name in ticked) if ticked else None
