from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import CertificatePoliciesOID

from ca_core.errors import Misconfigured
from ca_core.issuance.chain import issuer_certificate, prove_chain, prove_key
from ca_core.signing.key import open_key
from ca_core.signing.software import KeyKind
from tests.builders.authority import NOW, PASSPHRASE, house, make

FILES = ["issuing.key", "issuing.pem", "root.key", "root.pem"]


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
def test_keys_and_certificates_fit(kind: KeyKind) -> None:
    made = house(kind)

    prove_chain([("issuing", made.authority.issuing), ("root", made.authority.root)], now=NOW)
    prove_key(made.issuer, made.key.public_key)
    root = issuer_certificate("root", made.authority.root, crl_url="", ca_url="")
    prove_key(root, open_key("file:root.key", PASSPHRASE, made.folder).public_key)


def test_the_folder_holds_two_keys_and_two_certificates(tmp_path: Path) -> None:
    authority = make(tmp_path / "authority")

    files = sorted((tmp_path / "authority").iterdir())
    assert [file.name for file in files] == FILES
    assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600", "0o644"] * 2
    assert x509.load_pem_x509_certificate((tmp_path / "authority" / "root.pem").read_bytes()) == authority.root


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten_or_half_made(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(Misconfigured, match=f"{name} exists already"):
        make(tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_two_homes_never_share_a_name(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), make(tmp_path / "two")

    assert one.root.subject != two.root.subject
    assert one.issuing.subject != two.issuing.subject


def test_an_organization_stands_in_both_names(tmp_path: Path) -> None:
    authority = make(tmp_path, organization="臺灣網路認證股份有限公司")

    for certificate in (authority.root, authority.issuing):
        assert certificate.subject.rfc4514_string().endswith(",O=臺灣網路認證股份有限公司")


def test_one_ca_level_fits_below_the_root_and_none_below_the_issuing_ca() -> None:
    authority = house().authority

    levels = [
        certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        for certificate in (authority.root, authority.issuing)
    ]

    assert levels == [1, 0]


def test_policies_of_certificates_below_the_issuing_ca_count() -> None:
    policies = house().authority.issuing.extensions.get_extension_for_class(x509.CertificatePolicies).value

    assert [policy.policy_identifier for policy in policies] == [CertificatePoliciesOID.ANY_POLICY]


def test_openssl_takes_the_chain_strictly() -> None:
    folder = house().folder
    command = ["openssl", "verify", "-x509_strict", "-attime", str(NOW), "-CAfile", str(folder / "root.pem")]

    verdict = subprocess.run([*command, str(folder / "issuing.pem")], check=True, capture_output=True).stdout

    assert verdict.endswith(b"issuing.pem: OK\n")


def test_the_issuing_certificate_says_where_the_roots_list_is() -> None:
    command = ["openssl", "x509", "-noout", "-text", "-in", str(house().folder / "issuing.pem")]

    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "URI:http://ca.example/crl/root.crl" in text
    assert "CA Issuers - URI:http://ca.example/ca/root.cer" in text
    assert "Certificate Sign, CRL Sign" in text
