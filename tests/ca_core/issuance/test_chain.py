from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ca_core.errors import Misconfigured
from ca_core.issuance.chain import issuer_certificate, prove_chain, prove_key
from ca_core.policy import profile as profiles
from tests.builders.authority import CA_URL, CRL_URL, NOW, PASSPHRASE, house, make
from tests.builders.csr import ec_key, rsa_key

HOUR = 3600
YEAR = 365 * 86_400


def path(issuing: x509.Certificate, root: x509.Certificate) -> list[tuple[str, x509.Certificate]]:
    return [("issuing", issuing), ("root", root)]


@pytest.mark.parametrize("now", [NOW - HOUR, NOW, NOW + 10 * YEAR])
def test_what_the_ceremony_made_is_a_chain(now: int) -> None:
    authority = house().authority

    prove_chain(path(authority.issuing, authority.root), now=now)


def test_a_chain_is_proved_within_its_dates_only() -> None:
    authority = house().authority

    with pytest.raises(Misconfigured, match="not valid yet"):
        prove_chain(path(authority.issuing, authority.root), now=NOW - HOUR - 1)
    with pytest.raises(Misconfigured, match="CA issuing has expired"):
        prove_chain(path(authority.issuing, authority.root), now=NOW + 10 * YEAR + 1)
    with pytest.raises(Misconfigured, match="CA root has expired"):
        prove_chain(path(authority.issuing, authority.root), now=NOW + 20 * YEAR + 1)


def test_another_root_is_another_root(tmp_path: Path) -> None:
    other = make(tmp_path / "other")

    with pytest.raises(Misconfigured, match="not issued by the CA root"):
        prove_chain(path(house().authority.issuing, other.root), now=NOW)


def test_two_roots_do_not_make_a_chain() -> None:
    root = house().authority.root

    with pytest.raises(Misconfigured, match="no readable AuthorityKeyIdentifier"):
        prove_chain(path(root, root), now=NOW)


def test_a_certificate_that_names_another_key_of_its_issuer_is_no_chain() -> None:
    issuing = house().authority.issuing
    root_key = load_pem_private_key((house().folder / "root.key").read_bytes(), PASSPHRASE)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(
        issuer_name=issuing.issuer,
        subject_name=issuing.subject,
        public_key=issuing.public_key(),
        serial_number=1,
        not_valid_before=issuing.not_valid_before_utc,
        not_valid_after=issuing.not_valid_after_utc,
    )
    for extension in issuing.extensions:
        is_authority = isinstance(extension.value, x509.AuthorityKeyIdentifier)
        value = x509.AuthorityKeyIdentifier(b"other", None, None) if is_authority else extension.value
        builder = builder.add_extension(value, extension.critical)

    with pytest.raises(Misconfigured, match="another key of its issuer"):
        prove_chain(path(builder.sign(root_key, SHA256()), house().authority.root), now=NOW)


def test_the_issuing_ca_is_no_root() -> None:
    issuing = house().authority.issuing

    with pytest.raises(Misconfigured, match="too few CAs"):
        prove_chain(path(issuing, issuing), now=NOW)


async def test_an_end_entity_is_no_ca() -> None:
    plan = house().plan(profiles.DEVICE, frozenset())
    leaf = x509.load_der_x509_certificate(await house().signed(plan.tbs))

    with pytest.raises(Misconfigured, match="not that of a CA"):
        prove_chain(path(leaf, house().authority.root), now=NOW)


def test_the_issuers_key_must_be_that_of_its_certificate() -> None:
    prove_key(house().issuer, house().key.public_key)

    for other in (ec_key(), rsa_key()):
        with pytest.raises(Misconfigured, match="CA issuing is not that of its certificate"):
            prove_key(house().issuer, other.public_key())


def test_an_issuer_holds_what_goes_into_its_certificates() -> None:
    certificate = house().authority.issuing

    issuer = issuer_certificate("issuing", certificate, crl_url=CRL_URL, ca_url=CA_URL)

    assert issuer.subject_der == certificate.subject.public_bytes()
    assert issuer.not_after == NOW + 10 * YEAR
    assert len(issuer.key_identifier) == 20
    assert x509.load_der_x509_certificate(issuer.der) == certificate
