"""Certificates to be revoked, and what a house says about them afterwards."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.policy.profile import BUILT_IN, Profile, RevocationRule
from ca_core.policy.request import parse
from ca_core.store.certificates import Certificate
from tests.builders.core import Core, granted
from tests.builders.est import Csr, PrivateKey, new_key


def profiles(rule: RevocationRule) -> Mapping[str, Profile]:
    """The built-in ones, under which every request is treated alike."""
    return {name: msgspec.structs.replace(profile, revocation=rule, hold=True) for name, profile in BUILT_IN.items()}


async def enroll(core: Core, account: str, *, key: PrivateKey | None = None) -> Certificate:
    """One more certificate of a device that is registered already."""
    registration = await core.desk.show(account)
    who = Applicant(registration.id, Door.EST, "operator", "test")
    name = f"{account}.example"
    return await core.enroll(who, parse(Csr(key=key or new_key(), names=[name]).der()))


async def issued(core: Core, account: str = "acc", *, key: PrivateKey | None = None) -> Certificate:
    """The first certificate of a new device."""
    await core.register(account, *granted(names.dns(f"{account}.example")), kind="device")
    return await enroll(core, account, key=key)


async def now(core: Core, certificate: Certificate) -> Certificate:
    """The certificate as it is stored at this moment."""
    found = await core.revocations.certificate(certificate.serial)
    assert found is not None
    return found


async def crl_entry(core: Core, certificate: Certificate) -> x509.RevokedCertificate | None:
    """What the next CRL says of it."""
    await core.publisher.turn()
    crl = x509.load_der_x509_crl((await core.publisher.newest("issuing")).der)
    return crl.get_revoked_certificate_by_serial_number(int(certificate.serial, 16))


async def entry_of(core: Core, certificate: Certificate) -> x509.RevokedCertificate:
    """What the next CRL says of it, when it has to be there."""
    entry = await crl_entry(core, certificate)
    assert entry is not None
    return entry


def reason_of(entry: x509.RevokedCertificate) -> x509.ReasonFlags:
    return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason


def since_of(entry: x509.RevokedCertificate) -> int:
    """The invalidity date, UTC seconds."""
    date = entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc
    return int(date.timestamp())
