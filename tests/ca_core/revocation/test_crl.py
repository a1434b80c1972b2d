from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from ca_core.clock import as_datetime
from ca_core.identity import new_serial
from ca_core.policy import profile as profiles
from ca_core.revocation import crl
from ca_core.revocation.reason import Reason
from ca_core.signing.software import KeyKind
from tests.builders.authority import NOW, House, house, pem

DAY = 86_400


def openssl(*arguments: str | Path, stdin: bytes = b"") -> str:
    """What the command prints, whether it is content or not."""
    run = subprocess.run(["openssl", *arguments], input=stdin, check=False, capture_output=True)
    return (run.stdout + run.stderr).decode()


async def signed(
    made: House,
    entries: list[bytes],
    *,
    number: int = 1,
    next_update: int = NOW + DAY,
    shard_urls: Sequence[str] = (),
) -> bytes:
    tbs = crl.tbs_crl(
        issuer_subject_der=made.issuer.subject_der,
        key_identifier=made.issuer.key_identifier,
        algorithm=made.key.algorithm,
        entries=entries,
        number=number,
        this_update=NOW,
        next_update=next_update,
        shard_urls=shard_urls,
    )
    return await made.signed(tbs)


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
async def test_a_list_is_signed_dated_and_numbered(kind: KeyKind) -> None:
    made = house(kind)

    read = x509.load_der_x509_crl(await signed(made, [crl.entry(1, NOW, Reason.SUPERSEDED)], number=7))

    assert read.is_signature_valid(made.key.public_key)
    assert read.issuer == made.authority.issuing.subject
    assert (read.last_update_utc, read.next_update_utc) == (as_datetime(NOW), as_datetime(NOW + DAY))
    assert read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    identifier = read.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert identifier.key_identifier == made.issuer.key_identifier
    assert not any(extension.critical for extension in read.extensions)


@pytest.mark.parametrize("reason", list(Reason))
async def test_an_entry_has_serial_date_and_reason(reason: Reason) -> None:
    serial = new_serial()

    read = x509.load_der_x509_crl(await signed(house(), [crl.entry(serial, NOW - 5, reason)]))

    (revoked,) = read
    assert (revoked.serial_number, revoked.revocation_date_utc) == (serial, as_datetime(NOW - 5))
    reasons = [extension.value.reason.value for extension in revoked.extensions]
    assert reasons == ([] if reason is Reason.UNSPECIFIED else [reason.text])


async def test_an_entry_says_since_when_the_certificate_is_invalid() -> None:
    listed = crl.entry(7, NOW, Reason.KEY_COMPROMISE, invalid_since=NOW - DAY)

    (revoked,) = x509.load_der_x509_crl(await signed(house(), [listed]))

    found = revoked.extensions.get_extension_for_class(x509.InvalidityDate)
    assert found.value.invalidity_date_utc == as_datetime(NOW - DAY)
    assert not found.critical
    assert revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise


async def test_a_shard_says_which_one_it_is_and_the_full_list_does_not() -> None:
    url = house().issuer.crl_url_of(7)

    shard = x509.load_der_x509_crl(await signed(house(), [], shard_urls=[url]))

    point = shard.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert point.critical
    assert point.value.full_name == [x509.UniformResourceIdentifier("http://ca.example/crl/issuing.7.crl")]
    assert not point.value.indirect_crl
    assert not point.value.only_contains_user_certs
    full = x509.load_der_x509_crl(await signed(house(), []))
    assert [extension.oid for extension in full.extensions] == [
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CRL_NUMBER,
    ]


def test_certificates_are_spread_over_the_shards() -> None:
    assert {crl.shard_of(new_serial(), 1) for _ in range(10)} == {crl.FULL}
    assert [crl.shard_of(serial, 3) for serial in range(4)] == [1, 2, 3, 1]
    assert (crl.name_of("issuing", crl.FULL), crl.name_of("issuing", 7)) == ("issuing", "issuing.7")


TIMES = st.integers(0, 4_000_000_000)


@given(st.dictionaries(st.integers(1, 2**159), st.tuples(TIMES, st.sampled_from(Reason), st.none() | TIMES)))
async def test_whatever_is_listed_is_read_back(entries: dict[int, tuple[int, Reason, int | None]]) -> None:
    listed = [
        crl.entry(serial, revoked_at, reason, invalid_since=since)
        for serial, (revoked_at, reason, since) in entries.items()
    ]
    # However the entries come joined.
    pages = [b"".join(listed[:3]), b"", *listed[3:]]

    read = x509.load_der_x509_crl(await signed(house(), pages))

    assert {revoked.serial_number: as_listed(revoked) for revoked in read} == {
        serial: (as_datetime(revoked_at), reason.text, None if since is None else as_datetime(since))
        for serial, (revoked_at, reason, since) in entries.items()
    }


def as_listed(revoked: x509.RevokedCertificate) -> tuple[datetime, str, datetime | None]:
    reason, since = Reason.UNSPECIFIED.text, None
    for extension in revoked.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason.value
        if isinstance(extension.value, x509.InvalidityDate):
            since = extension.value.invalidity_date_utc
    return revoked.revocation_date_utc, reason, since


async def test_an_empty_list_has_no_list() -> None:
    encoded = await signed(house(), [])

    assert len(x509.load_der_x509_crl(encoded)) == 0
    assert b"\x30\x00\xa0" not in encoded


async def test_dates_from_2050_on_are_generalized() -> None:
    late = 2_600_000_000

    encoded = await signed(house(), [crl.entry(1, late, Reason.UNSPECIFIED)], next_update=late)

    read = x509.load_der_x509_crl(encoded)
    assert (read.next_update_utc, read[0].revocation_date_utc) == (as_datetime(late), as_datetime(late))
    assert encoded.count(b"\x18\x0f20520522") == 2


async def test_openssl_reads_the_list(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(pem(house().authority.issuing))
    encoded = await signed(house(), [crl.entry(0xABCDEF, NOW, Reason.KEY_COMPROMISE)], number=3)

    text = openssl("crl", "-inform", "DER", "-noout", "-text", "-CAfile", tmp_path / "ca.pem", stdin=encoded)

    assert "verify OK" in text
    assert "Serial Number: ABCDEF" in text
    assert "Key Compromise" in text
    assert "X509v3 CRL Number: \n                3\n" in text
    assert "Version 2" in text


async def test_openssl_knows_a_revoked_certificate(tmp_path: Path) -> None:
    made = house()
    leaf = x509.load_der_x509_certificate(await made.signed(made.plan(profiles.DEVICE, frozenset()).tbs))
    (tmp_path / "leaf.pem").write_bytes(pem(leaf))
    (tmp_path / "ca.pem").write_bytes(pem(made.authority.issuing) + pem(made.authority.root))

    async def verdict(entries: list[bytes]) -> str:
        listed = x509.load_der_x509_crl(await signed(made, entries))
        (tmp_path / "list").write_bytes(listed.public_bytes(Encoding.PEM))
        trust = ("-CAfile", tmp_path / "ca.pem", "-CRLfile", tmp_path / "list")
        return openssl("verify", "-attime", str(NOW), "-crl_check", *trust, tmp_path / "leaf.pem")

    assert "leaf.pem: OK" in await verdict([])
    assert "certificate revoked" in await verdict([crl.entry(leaf.serial_number, NOW, Reason.SUPERSEDED)])


async def test_a_hundred_thousand_entries_take_milliseconds() -> None:
    entries = [crl.entry(new_serial(), NOW, Reason.SUPERSEDED)] * 100_000
    started = time.process_time()

    encoded = await signed(house(), entries)

    assert time.process_time() - started < 0.1
    assert len(x509.load_der_x509_crl(encoded)) == 100_000
