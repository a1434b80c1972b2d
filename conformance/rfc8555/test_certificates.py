"""RFC 8555, 7.4.2 and 9.1: certificates as they are downloaded."""

from __future__ import annotations

import itertools
import re

from cryptography import x509

from conformance.acme import Client

_STRICT = re.compile(
    rb"(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}\n-----END CERTIFICATE-----\n)+"
)


def test_a_chain_is_strict_pem_from_the_leaf_up(client: Client) -> None:
    url, _ = client.certificate("chain.vetted.example")

    answer = client.post(url)

    assert answer.headers["Content-Type"] == "application/pem-certificate-chain"
    assert _STRICT.fullmatch(answer.body)
    chain = x509.load_pem_x509_certificates(answer.body)
    assert "chain.vetted.example" in str(chain[0].extensions)
    assert len(chain) > 1
    for below, above in itertools.pairwise(chain):
        below.verify_directly_issued_by(above)
