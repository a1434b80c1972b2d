"""What pkilint says of our CRLs: nothing against RFC 5280, nor against the CA/B Baseline Requirements."""

from __future__ import annotations

import pytest
from pkilint import loader, pkix
from pkilint.cabf import cabf_crl
from pkilint.pkix import crl as pkix_crl
from pkilint.pkix import extension, name
from pkilint.validation import ValidationFindingSeverity

from ca_core.identity import new_serial
from ca_core.revocation import crl
from ca_core.revocation.reason import Reason
from ca_core.signing.software import KeyKind
from tests.builders.authority import NOW, house

DAY = 86_400
CRL = pkix_crl.CertificateRevocationListType.CRL
LISTED = [reason for reason in Reason if reason is not Reason.REMOVE_FROM_CRL]


def errors(der: bytes) -> list[str]:
    """The findings of severity error and worse."""
    decoders = [
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]
    validators = [
        pkix_crl.create_issuer_validator_container([]),
        pkix_crl.create_validity_validator_container([cabf_crl.create_validity_period_validator(CRL)]),
        pkix_crl.create_extensions_validator_container([]),
    ]
    linter = pkix_crl.create_pkix_crl_validator_container(decoders, validators)
    results = linter.validate(loader.load_crl(der, "crl").root)
    return [
        f"{description.finding.code}: {description.message}"
        for result in results
        for description in result.finding_descriptions
        if description.finding.severity <= ValidationFindingSeverity.ERROR
    ]


async def made(
    kind: KeyKind = "ec-p256", *, entries: list[bytes], shard_urls: tuple[str, ...] = (), days: int = 2
) -> bytes:
    signer = house(kind)
    tbs = crl.tbs_crl(
        issuer_subject_der=signer.issuer.subject_der,
        key_identifier=signer.issuer.key_identifier,
        algorithm=signer.key.algorithm,
        entries=entries,
        number=NOW,
        this_update=NOW,
        next_update=NOW + days * DAY,
        shard_urls=shard_urls,
    )
    return await signer.signed(tbs)


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
@pytest.mark.parametrize(
    "shard_urls", [(), ("http://ca.example/crl/issuing.7.crl", "http://old.example/issuing.7.crl")]
)
async def test_the_linter_has_nothing_against_any_entry(kind: KeyKind, shard_urls: tuple[str, ...]) -> None:
    entries = [
        crl.entry(new_serial(), revoked_at, reason, invalid_since=since)
        for reason in LISTED
        for revoked_at in (NOW - DAY, 2_600_000_000)
        for since in (None, NOW - 2 * DAY)
    ]

    assert errors(await made(kind, entries=entries, shard_urls=shard_urls)) == []


async def test_the_linter_has_nothing_against_an_empty_list() -> None:
    assert errors(await made(entries=[])) == []


async def test_the_linter_sees_a_fault() -> None:
    assert errors(await made(entries=[], days=30)) != []
