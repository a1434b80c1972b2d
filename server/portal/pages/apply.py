"""Applying for certificates (RULES, S6 and S7), what waits for an officer, and what to do where a key is lost."""

from __future__ import annotations

from collections.abc import Sequence

from ca_core.errors import BadForm, ChangedMeanwhile, KeyInUse, Refusal
from ca_core.revocation import reason as reason_module
from ca_core.subscriber.applying import LOST, Application
from protocols.wire import Reply
from server.portal import application_form, outcomes
from server.portal.application_form import Said, applying, said
from server.portal.own_certificates import serial_in
from server.portal.route import PortalRoute
from server.portal.visit import KEYS_SCRIPT, Visit, see_other
from server.portal.words import phrase

_NONE_CHOSEN = phrase("Choose at least one certificate.")
_NOT_ACCEPTED = phrase("Read the agreement and accept it: without that nothing is issued.")
_NO_REASON = phrase("Choose what has happened to the key.")


async def ask(visit: Visit) -> Reply:
    """What is registered, the agreement, and the form."""
    return await _form(visit)


async def apply(visit: Visit) -> Reply:
    """Apply for what was chosen. What is sent twice is issued once: a request is known by its key."""
    profiles = dict.fromkeys(visit.form.every("profile"))
    if not profiles:
        return await _form(visit, status=422, fault=_NONE_CHOSEN)
    service = applying(visit)
    lines = {line.profile.name: line for line in (await service.papers(visit.entered)).offered}
    asked, unread = dict[str, Application](), list[Said]()
    for profile in profiles:
        try:
            names = application_form.chosen_names(visit, lines[profile]) if profile in lines else None
            asked[profile] = Application(application_form.csr(visit, profile), names)
        except Refusal as refusal:
            unread.append(said(visit, profile, refusal))
    if unread:
        # Of a pair both are asked for, or none.
        return await _form(visit, status=422, refused=unread)
    try:
        found = await service.apply(visit.entered, asked, application_form.consent(visit), source=visit.source)
    except BadForm:
        return await _form(visit, status=422, fault=_NOT_ACCEPTED)
    except (ChangedMeanwhile, KeyInUse) as refusal:
        return await _form(visit, status=409, refused=[said(visit, "", refusal)])
    if outcomes.are_refused(found):
        return await _form(visit, status=422, refused=outcomes.refusals(visit, found))
    return outcomes.page(visit, found, is_renewal=False)


async def requests(visit: Visit) -> Reply:
    """What waits for an officer, and what became of what has waited."""
    found = await applying(visit).requests(visit.entered)
    labels = {one.profile: application_form.label(visit, one.profile) for one in found}
    return visit.render("waiting.html", requests=found, labels=labels)


async def ask_lost(visit: Visit) -> Reply:
    """What to do where the key of a certificate is lost."""
    return await _lost(visit)


async def give_up(visit: Visit) -> Reply:
    """Give a certificate up whose key is lost."""
    serial = serial_in(visit)
    try:
        reason = reason_module.parse(visit.form.get("reason"), allowed=frozenset(LOST))
    except Refusal:
        return await _lost(visit, status=422, fault=_NO_REASON)
    await applying(visit).give_up(visit.entered, serial, reason, source=visit.source)
    # Loaded anew, the page says how far it is.
    return see_other(f"/apply/lost/{serial}")


async def _form(visit: Visit, *, status: int = 200, fault: str = "", refused: Sequence[Said] = ()) -> Reply:
    papers = await applying(visit).papers(visit.entered)
    return visit.render(
        "apply.html",
        status=status,
        scripts=(KEYS_SCRIPT,),
        rows=[application_form.row(visit, line) for line in papers.offered],
        fault=fault,
        refused=refused,
        chosen=visit.form.every("profile"),
        **application_form.values(papers, visit),
    )


async def _lost(visit: Visit, *, status: int = 200, fault: str = "") -> Reply:
    loss = await applying(visit).loss(visit.entered, serial_in(visit))
    return visit.render(
        "lost.html",
        status=status,
        loss=loss,
        certificate=loss.certificate,
        label=application_form.label(visit, loss.certificate.profile),
        fault=fault,
    )


ROUTES = (
    PortalRoute("GET", "/apply", ask),
    PortalRoute("POST", "/apply", apply, takes_files=True),
    PortalRoute("GET", "/apply/requests", requests),
    PortalRoute("GET", "/apply/lost/{serial}", ask_lost),
    PortalRoute("POST", "/apply/lost/{serial}", give_up),
)
