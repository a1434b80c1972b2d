"""RFC 8555, 7.6: revocation."""

from __future__ import annotations

import time

from conformance.acme import Client, b64
from conformance.house import House, must
from conformance.openssl import fetch_crl

_CRL_SECONDS = 60


def test_without_a_reason_the_crl_gives_none(shared: House, client: Client) -> None:
    url, der = client.certificate("revoked.vetted.example")
    serial = url.rpartition("/")[2].upper()

    assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).status == 200

    deadline = time.monotonic() + _CRL_SECONDS
    while f"Serial Number: {serial}\n" not in (said := _crl(shared)):
        assert time.monotonic() < deadline, "the CRL did not follow within a minute"
        time.sleep(0.5)
    entry = said.partition(f"Serial Number: {serial}\n")[2].partition("Serial Number:")[0]
    assert "Reason Code" not in entry


def test_reasons_that_may_not_be_given_are_told_those_that_may(client: Client) -> None:
    _, der = client.certificate("reasons.vetted.example")

    answer = client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 2})

    assert (answer.status, answer.problem) == (400, "badRevocationReason")
    assert all(word in answer.json["detail"] for word in ("0", "1", "4"))


def _crl(house: House) -> str:
    return must("openssl", "crl", "-in", fetch_crl(house), "-noout", "-text")
