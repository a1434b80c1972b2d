"""Profiles out of a settings file, issued for real through the one door."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import NameNotGranted, ProfileNotGranted, ProfileNotOffered, TooEarly, WeakKey
from ca_core.policy.profile_settings import profiles_from, read_profiles
from ca_core.policy.request import CertificationRequest, parse
from ca_core.registration.desk import Form
from ca_core.registration.kind import SERVER
from ca_core.store.certificates import Certificate
from tests.builders import core as builder
from tests.builders import csr
from tests.builders.core import Core, granted

DAY = 86_400
NO_REV_AVAIL = x509.ObjectIdentifier("2.5.29.56")
SETTINGS = """
[visitor]
based_on = "device"
validity_hours = 8
no_rev_avail = true
key_types = ["ec-p256", "ed25519"]

[shop]
based_on = "tls-server"
must_staple = true
subject = []
renewal_window_days = 10

[staff]
based_on = "signing"
subject = ["CN", "C"]
policies = ["1.3.6.1.4.1.99999.1.2", "1.3.6.1.4.1.99999.1.3"]
cps_url = "https://pki.example/cps"
validity_days = 365
renewal_window_days = 60

[release]
based_on = "signing"
extended_key_usage = ["codeSigning"]
key_types = ["rsa-3072", "ec-p384"]

[robot]
based_on = "device"
subject = ["OU"]
extended_key_usage = ["clientAuth", "ipsecIKE"]
ocsp = false

[mutual]
based_on = "tls-server"
extended_key_usage = ["serverAuth", "clientAuth"]
doors = ["est"]
crl = false
"""
ALL = ("visitor", "shop", "staff", "release", "robot", "mutual")
NAME = names.dns("a.example")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with builder.core(tmp_path, profiles_from(read_profiles(tomllib.loads(SETTINGS)))) as opened:
        yield opened


async def applicant(core: Core, *, profiles: tuple[str, ...] = ALL) -> Applicant:
    """A registration with the subject CN=acc,O=Example,C=TW."""
    await core.register("acc", *granted(NAME), kind="organization", profiles=profiles)
    return Applicant((await core.desk.show("acc")).id, Door.EST, "test", "192.0.2.1")


def request(key: csr.Key | None = None, *, name: bool = True) -> CertificationRequest:
    return parse(csr.csr(key, san=[x509.DNSName(NAME.value)] if name else []))


def parsed(certificate: Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.der)


def access(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    value = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    return [description.access_method for description in value]


def has(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bool:
    return any(extension.oid == oid for extension in certificate.extensions)


async def test_a_visitors_certificate_lives_hours_and_names_no_place_that_tells_of_revocation(core: Core) -> None:
    issued = await core.enroll(await applicant(core), request(), profile_name="visitor")

    certificate = parsed(issued)
    assert issued.not_after - issued.not_before == 8 * 3600
    assert has(certificate, NO_REV_AVAIL)
    assert not has(certificate, x509.CRLDistributionPoints.oid)
    assert access(certificate) == [AuthorityInformationAccessOID.CA_ISSUERS]


async def test_a_shop_must_staple_and_bears_nothing_but_its_name(core: Core) -> None:
    certificate = parsed(await core.enroll(await applicant(core), request(), profile_name="shop"))

    feature = certificate.extensions.get_extension_for_class(x509.TLSFeature).value
    assert list(feature) == [x509.TLSFeatureType.status_request]
    assert access(certificate) == [AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS]
    assert certificate.subject == x509.Name([])
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


async def test_a_member_of_staff_has_policies_and_some_of_the_registered_subject(core: Core) -> None:
    certificate = parsed(await core.enroll(await applicant(core), request(name=False), profile_name="staff"))

    policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [policy.policy_identifier.dotted_string[-1] for policy in policies] == ["2", "3"]
    assert [policy.policy_qualifiers for policy in policies] == [["https://pki.example/cps"]] * 2
    assert certificate.subject.rfc4514_string() == "CN=acc,C=TW"


async def test_a_release_is_signed_with_a_key_of_a_listed_type(core: Core) -> None:
    who = await applicant(core)

    for weak in (csr.ec_key(), csr.rsa_key(), csr.ed25519_key()):
        with pytest.raises(WeakKey, match="make one of the type ec-p384 or rsa-3072"):
            await core.enroll(who, request(weak, name=False), profile_name="release")
    issued = await core.enroll(who, request(csr.ec_key("secp384r1"), name=False), profile_name="release")

    usage = parsed(issued).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CODE_SIGNING]


async def test_pointers_that_a_profile_leaves_out_are_left_out(core: Core) -> None:
    who = await applicant(core)

    mutual = parsed(await core.enroll(who, request(), profile_name="mutual"))
    robot = parsed(await core.enroll(who, request(), profile_name="robot"))

    assert not has(mutual, x509.CRLDistributionPoints.oid)
    assert AuthorityInformationAccessOID.OCSP in access(mutual)
    assert access(robot) == [AuthorityInformationAccessOID.CA_ISSUERS]
    assert has(robot, x509.CRLDistributionPoints.oid)


async def test_something_must_name_the_subject(core: Core) -> None:
    who = await applicant(core)

    # The registered subject has no OU, which is all that this profile takes.
    with pytest.raises(NameNotGranted, match="ask for a registered name"):
        await core.enroll(who, request(name=False), profile_name="robot")

    assert await core.count("certificates") == 0


async def test_each_profile_has_its_own_renewal_window(core: Core) -> None:
    who = await applicant(core)
    await core.enroll(who, request(), profile_name="shop")
    await core.enroll(who, request(csr.ec_key("secp384r1"), name=False), profile_name="staff")

    core.clock.move(79 * DAY)
    with pytest.raises(TooEarly):
        await core.enroll(who, request(csr.rsa_key()), profile_name="shop")
    core.clock.move(DAY)
    await core.enroll(who, request(csr.rsa_key()), profile_name="shop")

    core.clock.move((365 - 60 - 80) * DAY - 301)
    with pytest.raises(TooEarly):
        await core.enroll(who, request(csr.ed25519_key(), name=False), profile_name="staff")
    core.clock.move(1)
    await core.enroll(who, request(csr.ed25519_key(), name=False), profile_name="staff")


async def test_an_order_is_told_of_the_profiles_own_window(core: Core) -> None:
    who = await applicant(core)
    await core.enroll(who, request(), profile_name="shop")
    registration, profile = await core.desk.show("acc"), core.enrollment.profile("shop")

    core.clock.move(79 * DAY)
    async with core.database.read() as tx:
        with pytest.raises(TooEarly):
            await core.enrollment.foresee(tx, registration, profile, frozenset({NAME}), now=core.clock.now())
        await core.enrollment.foresee(tx, registration, profile, frozenset({NAME}), now=core.clock.now() + DAY)


async def test_a_renewal_bears_what_the_profile_takes_of_the_subject(core: Core) -> None:
    who = await applicant(core)
    first = await core.enroll(who, request(name=False), profile_name="staff")
    core.clock.move(330 * DAY)
    holder = await core.sign_in.by_certificate(first.der, int(first.serial, 16), source="192.0.2.1", door=Door.EST)

    second = await core.renew(holder, parse(csr.csr(subject="CN=acc,C=TW")))

    assert parsed(second).subject == parsed(first).subject
    assert second.replaces == first.serial


async def test_an_intention_is_finished_with_what_the_profile_takes_of_the_subject(core: Core) -> None:
    who = await applicant(core)
    issued = await core.enroll(who, request(csr.ec_key("secp384r1"), name=False), profile_name="staff")
    async with core.database.write() as tx:
        await tx.execute(
            "UPDATE certificates SET state = 'intended', der = NULL, tbs = :tbs",
            tbs=parsed(issued).tbs_certificate_bytes,
        )

    assert await core.recover() == 1

    (finished,) = await core.certificates()
    assert parsed(finished).tbs_certificate_bytes == parsed(issued).tbs_certificate_bytes


async def test_a_profile_that_settings_no_longer_have_is_passed_over(core: Core) -> None:
    who = await applicant(core, profiles=("gone", "robot"))

    issued = await core.enroll(who, request())

    assert issued.profile == "robot"
    with pytest.raises(ProfileNotOffered):
        await core.enroll(who, request(), profile_name="gone")


async def test_a_registration_of_profiles_that_are_gone_holds_none(core: Core) -> None:
    who = await applicant(core, profiles=("gone",))

    with pytest.raises(ProfileNotGranted):
        await core.enroll(who, request())


async def test_the_servers_certificates_are_in_no_list(core: Core) -> None:
    await core.desk.register(Form(SERVER.name, "CN=soapstone server", None, "soapstone"), actor="test")
    server = Applicant((await core.desk.show("soapstone")).id, Door.SERVER, "operator", "localhost")

    issued = await core.enroll(server, request(name=False), profile_name="ocsp-responder")

    assert has(parsed(issued), x509.OCSPNoCheck.oid)
    assert await core.certificates() == []
    assert await core.revocations.every(server.registration_id) == [issued]
