"""What pkilint says of a certificate: RFC 5280 for all, the TLS Baseline Requirements for servers' certificates.

Importing it takes a quarter of a second and more: `linter` does, in a thread.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any

from pkilint import loader
from pkilint.cabf import serverauth
from pkilint.cabf.serverauth.serverauth_constants import CertificateType
from pkilint.pkix import certificate, extension, name
from pkilint.validation import ValidationFindingSeverity

IGNORED = MappingProxyType(
    {
        "a subject is what the registration authority vetted, whole and in its order (RULES, S1)": (
            "pkix.subject_email_address_not_in_san",
            "cabf.insignificant_attribute_value_present",
            "cabf.invalid_country_code",
            "cabf.invalid_organization_identifier_country",
            "cabf.invalid_organization_identifier_registration_scheme",
            "cabf.invalid_organization_identifier_state_province_format",
            "cabf.invalid_subject_organization_identifier_encoding",
            "cabf.invalid_subject_organization_identifier_format",
            "cabf.invalid_subject_organization_identifier_state_province_for_scheme",
            "cabf.organization_identifier_reference_missing_for_scheme",
            "cabf.ev_guidelines.invalid_business_category",
            "cabf.name.attribute_value_contains_html_entity",
            "cabf.serverauth.attribute_value_invalid_encoding_type",
            "cabf.serverauth.domain_component_attribute_value_length_too_long",
            "cabf.serverauth.dv.unknown_attribute_present",
            "cabf.serverauth.invalid_rdn_order",
            "cabf.serverauth.name_attribute_value_too_long",
            "cabf.serverauth.prohibited_duplicate_attribute_type",
            "cabf.serverauth.rdn_contains_multiple_atvs",
            "cabf.serverauth.subscriber_common_name_unknown_source",
        ),
        "a private CA certifies private names, and its own repository may have one": (
            "cabf.internal_domain_name",
            "cabf.internal_ip_address",
            "cabf.serverauth.dnsname_contains_prohibited_reserved_label",
            "cabf.serverauth.ip_reverse_zone_domain_name_present",
            "cabf.serverauth.prohibited_san_type",
        ),
        "a URN has no host (RFC 3986, 3), and a host in a private network may have no dot; `names.uri` reads each": (
            "pkix.invalid_uri_syntax",
        ),
        "the Forum's policy identifiers are for CAs that browsers trust; here the operator has policies, or none": (
            "cabf.cps_uri_is_not_http",
            "cabf.serverauth.prohibited_certificate_policy_qualifier_type",
            "cabf.serverauth.subscriber.certificate_policies_extension_absent",
            "cabf.serverauth.subscriber_anypolicy_oid_present",
            "cabf.serverauth.subscriber_missing_reserved_policy_oid",
            "cabf.serverauth.subscriber_multiple_reserved_policy_oids",
        ),
        "the profile says how long a certificate lives and which pointers it has": (
            "cabf.serverauth.certificate_validity_period_exceeds_47_days",
            "cabf.serverauth.certificate_validity_period_exceeds_100_days",
            "cabf.serverauth.certificate_validity_period_exceeds_200_days",
            "cabf.serverauth.certificate_validity_period_exceeds_398_days",
            "cabf.serverauth.subscriber.authority_info_access_extension_absent",
            "cabf.serverauth.subscriber.revocation_information_absent",
            "msft.end_entity.revocation_information_absent",
        ),
        "`policy.keys` says which keys are certified; the Forum has no Ed25519 and no ML-DSA yet": (
            "cabf.rsa_exponent_prohibited_value",
            "cabf.rsa_modulus_invalid_length",
            "cabf.serverauth.prohibited_signature_algorithm_encoding",
            "cabf.serverauth.prohibited_subject_public_key_algorithm_encoding",
        ),
    }
)
"""Findings of severity error that are none here, by why."""

IGNORED_IN_NAMES = MappingProxyType(
    {
        "wildcards are names too (RFC 9525, 6.3), and `names.dns` knows where": ("pkix.invalid_domain_name_syntax",),
    }
)
"""The same, below the subjectAltName only: of other places the linter is right."""

_NAMES = ".subjectAltName."
_IGNORED = frozenset(code for codes in IGNORED.values() for code in codes)
_IGNORED_IN_NAMES = frozenset(code for codes in IGNORED_IN_NAMES.values() for code in codes)


def errors(der: bytes, *, for_tls_servers: bool) -> list[str]:
    """What stands against a certificate, most often nothing: findings of severity error or worse, less `IGNORED`.

    Args:
        der: the certificate; its signature is not verified.
        for_tls_servers: whether it proves a server in TLS and nothing else.
    """
    try:
        document = loader.RFC5280CertificateDocumentLoader().load_der_document(der, "certificate")
    except ValueError as error:
        return [f"cannot be read: {error}"]
    results = _validators(for_tls_servers=for_tls_servers).validate(document.root)
    return [
        f"{described.finding.code} at {result.node.path} {described.message or ''}".strip()
        for result in results
        for described in result.finding_descriptions
        if described.finding.severity <= ValidationFindingSeverity.ERROR
        and not _is_ignored(described.finding.code, result.node.path)
    ]


def _is_ignored(code: str, path: str) -> bool:
    return code in _IGNORED or (code in _IGNORED_IN_NAMES and _NAMES in path)


@cache
def _validators(*, for_tls_servers: bool) -> Any:  # noqa: ANN401  # the library is untyped
    if for_tls_servers:
        # Domain validated is the Forum's type that asks nothing of the subject.
        return certificate.create_pkix_certificate_validator_container(
            serverauth.create_decoding_validators(),
            serverauth.create_validators(CertificateType.DV_FINAL_CERTIFICATE),
        )
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
