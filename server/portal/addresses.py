"""Where programs find what they need, as the first page says it."""

from __future__ import annotations

from server.office import Office
from server.portal.visit import Address
from server.web.agreement import AgreementPages
from server.web.languages import phrase


def addresses(office: Office, agreements: AgreementPages) -> tuple[Address, ...]:
    """In the order of the page."""
    return (
        Address(phrase("ACME directory"), office.places.acme_directory),
        Address(phrase("EST"), office.places.est_url),
        Address(phrase("CA certificates and CRLs"), office.settings.repository),
        *(Address(*one) for one in agreements.addresses),
    )
