"""pkilint reads whatever a test's house has signed: certificates, CRLs and OCSP answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pkilint import loader, pkix
from pkilint.pkix import crl, extension, name, ocsp
from pkilint.validation import ValidationFindingSeverity

from ca_core.issuance import rules
from ca_core.policy.profile import ExtendedUsage, Profile
from ca_core.store.database import Database

LONGEST_CRL_OCTETS = 20_000
_TLS_SERVER = frozenset({ExtendedUsage.SERVER_AUTH})


def certificate_errors(der: bytes, profile: Profile) -> list[str]:
    """Findings of severity error in a certificate as it was issued."""
    return rules.errors(der, for_tls_servers=profile.extended_key_usage == _TLS_SERVER)


def crl_errors(der: bytes) -> list[str]:
    """Findings of severity error in a CRL."""
    return _errors(_crl_rules(), loader.RFC5280CertificateListDocumentLoader().load_der_document(der, "crl"))


def ocsp_errors(der: bytes) -> list[str]:
    """Findings of severity error in an OCSP answer that holds a status."""
    return _errors(_ocsp_rules(), loader.RFC6960OCSPResponseDocumentLoader().load_der_document(der, "ocsp"))


async def require_clean(database: Database, profiles: Mapping[str, Profile]) -> None:
    """Every certificate and every CRL that a store holds is without a finding."""
    async with database.read() as tx:
        issued = await tx.all("SELECT profile, der FROM certificates WHERE der IS NOT NULL")
        parts = await tx.all(
            "SELECT p.name, o.octets FROM publications p JOIN publication_parts o ON o.body = p.body"
            " ORDER BY p.name, o.part"
        )
    for profile, der in issued:
        if profile in profiles:
            assert certificate_errors(der, profiles[profile]) == [], profile
    published: dict[str, bytes] = {}
    for one, octets in parts:
        published[one] = published.get(one, b"") + octets
    for der in published.values():
        # Half an hour would go by over a CRL of a million entries, which are all alike.
        assert len(der) > LONGEST_CRL_OCTETS or crl_errors(der) == []


def _errors(validator: Any, document: Any) -> list[str]:
    return [
        f"{described.finding.code} at {result.node.path} {described.message or ''}"
        for result in validator.validate(document.root)
        for described in result.finding_descriptions
        if described.finding.severity <= ValidationFindingSeverity.ERROR
    ]


@cache
def _crl_rules() -> Any:
    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )


@cache
def _ocsp_rules() -> Any:
    return ocsp.create_pkix_ocsp_response_validator_container(
        [
            ocsp.create_response_decoder(),
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [],
    )
