"""Fetching a certificate again, at any time (RULES, S8), in every form that programs take."""

from __future__ import annotations

from ca_core.errors import NotFound
from ca_core.registration.session import Step
from protocols.wire import Reply
from server.portal import certificate_files, own_certificates
from server.portal.route import PortalRoute
from server.portal.visit import HEADERS, Visit


async def show(visit: Visit) -> Reply:
    """All certificates, with each way to fetch them."""
    after = visit.query.get(own_certificates.AFTER) or None
    found = await visit.portal.holdings.page(visit.registration, after=after, most=own_certificates.MOST)
    return visit.render(
        "download.html",
        forms=certificate_files.FORMS,
        lines=own_certificates.listed(visit, found),
        following=own_certificates.following(visit, found),
    )


async def fetch(visit: Visit) -> Reply:
    """One certificate as a file.

    Raises:
        NotFound: there is none, it is another's, or there is no such form.
    """
    certificate = (await own_certificates.holding_in(visit)).certificate
    form = certificate_files.form_named(visit.path["form"])
    if form is None:
        raise NotFound("there is no such file of this certificate")
    body = certificate_files.written(form, own_certificates.chain_of(visit, certificate))
    named = f'attachment; filename="{own_certificates.file_name(certificate, form.ending)}"'
    return Reply(200, (("Content-Type", form.media_type), ("Content-Disposition", named), *HEADERS), body)


ROUTES = (
    PortalRoute("GET", "/download", show, Step.SIGNED_IN),
    PortalRoute("GET", "/certificates/{serial}/file/{form}", fetch, Step.SIGNED_IN),
)
