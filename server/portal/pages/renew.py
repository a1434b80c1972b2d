"""Renewing certificates: before the window, inside it, and after their end (RULES, S9 and S10)."""

from __future__ import annotations

from collections.abc import Sequence

from ca_core.errors import (
    BadForm,
    CertificateExpired,
    CertificateRevoked,
    ChangedMeanwhile,
    KeyInUse,
    Refusal,
    SubjectMismatch,
)
from ca_core.subscriber.standing import Line, Standing
from protocols.wire import Reply
from server.portal import application_form, outcomes
from server.portal.application_form import Row, Said, applying, row, said
from server.portal.route import PortalRoute
from server.portal.visit import KEYS_SCRIPT, Visit
from server.portal.words import phrase

_NONE_CHOSEN = phrase("Choose at least one certificate.")
_NOT_ACCEPTED = phrase("Read the agreement and accept it: without that nothing is issued.")
_RENEWABLE = frozenset({Standing.OPEN, Standing.REPLACED})


async def ask(visit: Visit) -> Reply:
    """What is held, and when it may be renewed."""
    return await _form(visit)


async def renew(visit: Visit) -> Reply:
    """Renew what was chosen, each certificate of a profile by the serial that the form names."""
    profiles = dict.fromkeys(visit.form.every("profile"))
    if not profiles:
        return await _form(visit, status=422, fault=_NONE_CHOSEN)
    asked, unread = dict[str, bytes](), list[Said]()
    for profile in profiles:
        try:
            asked[visit.form.get(f"serial.{profile}")] = application_form.csr(visit, profile)
        except Refusal as refusal:
            unread.append(said(visit, profile, refusal))
    if unread:
        return await _form(visit, status=422, refused=unread)
    try:
        found = await applying(visit).renew(visit.entered, asked, application_form.consent(visit), source=visit.source)
    except BadForm:
        return await _form(visit, status=422, fault=_NOT_ACCEPTED)
    except (ChangedMeanwhile, KeyInUse, CertificateExpired, CertificateRevoked, SubjectMismatch) as refusal:
        return await _form(visit, status=409, refused=[said(visit, "", refusal)])
    if outcomes.are_refused(found):
        return await _form(visit, status=422, refused=outcomes.refusals(visit, found))
    return outcomes.page(visit, found, is_renewal=True)


def forms_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Which certificates are renewed together: one of each profile, so that a pair is renewed at once."""
    forms: list[list[Line]] = []
    for line in lines:
        fitting = (form for form in forms if all(one.profile.name != line.profile.name for one in form))
        found = next(fitting, None)
        if found is None:
            forms.append([line])
        else:
            found.append(line)
    return forms


async def _form(visit: Visit, *, status: int = 200, fault: str = "", refused: Sequence[Said] = ()) -> Reply:
    papers = await applying(visit).papers(visit.entered)
    renewable = [line for line in papers.held if line.standing in _RENEWABLE]
    rows: list[list[Row]] = [[row(visit, line) for line in lines] for lines in forms_of(renewable)]
    return visit.render(
        "renew.html",
        status=status,
        scripts=(KEYS_SCRIPT,),
        rows=[row(visit, line) for line in papers.held],
        forms=rows,
        fault=fault,
        refused=refused,
        **application_form.values(papers, visit),
    )


ROUTES = (
    PortalRoute("GET", "/renew", ask),
    PortalRoute("POST", "/renew", renew, takes_files=True),
)
