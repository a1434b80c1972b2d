"""RFC 5272, 3.1: a requested extension may be left out or lessened, and never becomes its contrary."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from ca_core import names
from ca_core.errors import BadCsr, ExtensionNotServed
from ca_core.policy import request as csr
from ca_core.policy.profile import BUILT_IN
from protocols.est import intent
from tests.builders.est import Csr, certificate_in, house, post, sheet_basic

_NONE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)
_CLIENT, _SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def usage(*granted: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{**_NONE, **dict.fromkeys(granted, True)})


@pytest.mark.parametrize(
    ("extension", "passes"),
    [
        (usage("digital_signature"), True),
        (usage("digital_signature", "key_agreement"), True),
        (usage(), True),
        (usage("key_agreement"), False),
        (usage("key_agreement", "decipher_only"), False),
        (usage("data_encipherment"), False),
        (x509.ExtendedKeyUsage([_CLIENT, _SERVER]), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True),
        (x509.ExtendedKeyUsage([_SERVER]), False),
    ],
)
def test_something_of_what_is_asked_for_remains(extension: x509.ExtensionType, *, passes: bool) -> None:
    asked = csr.parse(Csr(extensions=[extension]).der())

    if passes:
        intent.require(BUILT_IN["device"], asked)
    else:
        with pytest.raises(ExtensionNotServed, match="has nothing in common"):
            intent.require(BUILT_IN["device"], asked)


def test_a_purpose_that_cannot_be_read_is_refused() -> None:
    oid = ExtensionOID.EXTENDED_KEY_USAGE
    broken = x509.UnrecognizedExtension(oid, b"\x04\x01x")
    asked = csr.parse(Csr(extensions=[broken]).der())

    with pytest.raises(BadCsr, match="extendedKeyUsage"):
        intent.require(BUILT_IN["device"], asked)


async def test_every_extension_of_the_profile_of_certificates_is_taken(tmp_path: Path) -> None:
    """Those of RFC 5280, 4.2 that an end entity's request may hold: read, and left out where registered data rule."""
    text = x509.DirectoryName(x509.Name.from_rfc4514_string("CN=x"))
    url = x509.UniformResourceIdentifier("http://a.example/")
    policy = x509.ObjectIdentifier("1.2.3.4")
    extensions: list[x509.ExtensionType] = [
        usage("digital_signature"),
        x509.ExtendedKeyUsage([_CLIENT]),
        x509.BasicConstraints(ca=False, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("a.example")]),
        x509.IssuerAlternativeName([text]),
        x509.CertificatePolicies([x509.PolicyInformation(policy, None)]),
        x509.PolicyConstraints(0, None),
        x509.InhibitAnyPolicy(0),
        x509.SubjectKeyIdentifier(b"x" * 20),
        x509.AuthorityKeyIdentifier(b"x" * 20, None, None),
        x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]),
        x509.FreshestCRL([x509.DistributionPoint([url], None, None, None)]),
        x509.AuthorityInformationAccess([x509.AccessDescription(policy, url)]),
        x509.SubjectInformationAccess([x509.AccessDescription(policy, url)]),
        x509.NameConstraints([x509.DNSName("example")], None),
    ]
    async with house(tmp_path) as opened:
        sheet = await opened.device("a.example")
        body = Csr(extensions=extensions).body()

        issued = certificate_in(await opened.est.answer(post("simpleenroll", body, authorization=sheet_basic(sheet))))

    assert issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert names.dns("a.example") in csr.names_of(issued)
