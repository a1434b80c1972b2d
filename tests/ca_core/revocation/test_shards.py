"""RFC 5280, 5.2.5, and CA/B Baseline Requirements 7.2.2.1: CRLs that cover a part of a CA's certificates."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core.applicant import Door
from ca_core.errors import NotFound
from ca_core.policy.request import parse
from ca_core.revocation.publisher import Publisher
from ca_core.revocation.reason import Reason
from ca_core.store.certificates import Certificate
from tests.builders.core import Core, core
from tests.builders.est import Csr

SHARDS = 4


async def issued(core: Core, account: str = "acc") -> Certificate:
    sheet = await core.register(account, kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="x", door=Door.EST)
    return await core.enroll(who, parse(Csr().der()))


def pointer(certificate: Certificate) -> str:
    parsed = x509.load_der_x509_certificate(certificate.der)
    (point,) = parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    return str(point.full_name[0].value)


async def listed(publisher: Publisher, name: str) -> set[int]:
    return {entry.serial_number for entry in x509.load_der_x509_crl((await publisher.newest(name)).der)}


async def numbers(publisher: Publisher) -> dict[str, int]:
    names = ["issuing", *(f"issuing.{shard}" for shard in range(1, SHARDS + 1))]
    return {name: (await publisher.newest(name)).number for name in names}


async def test_a_certificate_names_its_shard_and_the_shard_names_itself_alike(tmp_path: Path) -> None:
    async with core(tmp_path, shards=SHARDS) as house:
        certificate = await issued(house)
        await house.publisher.turn()

        shard = int(certificate.serial, 16) % SHARDS + 1
        assert certificate.shard == shard
        assert pointer(certificate) == f"http://ca.example/crl/issuing.{shard}.crl"
        crl = x509.load_der_x509_crl((await house.publisher.newest(f"issuing.{shard}")).der)
        named = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value.full_name
        assert named == [x509.UniformResourceIdentifier(pointer(certificate))]


async def test_a_revocation_is_on_its_shard_and_on_the_full_list_and_the_others_stay(tmp_path: Path) -> None:
    async with core(tmp_path, shards=SHARDS) as house:
        certificate = await issued(house)
        await house.publisher.turn()
        before = await numbers(house.publisher)

        await house.revocations.revoke(certificate.serial, Reason.SUPERSEDED, actor="test")
        await house.publisher.turn()

        after = await numbers(house.publisher)
        own = f"issuing.{certificate.shard}"
        assert {name for name in after if after[name] != before[name]} == {"issuing", own}
        serial = int(certificate.serial, 16)
        assert await listed(house.publisher, own) == await listed(house.publisher, "issuing") == {serial}


async def test_the_full_list_shows_every_shard(tmp_path: Path) -> None:
    async with core(tmp_path, shards=SHARDS) as house:
        certificates = [await issued(house, f"acc{number}") for number in range(12)]
        for certificate in certificates:
            await house.revocations.revoke(certificate.serial, Reason.SUPERSEDED, actor="test")

        await house.publisher.turn()

        assert len({certificate.shard for certificate in certificates}) > 1
        assert await listed(house.publisher, "issuing") == {int(one.serial, 16) for one in certificates}
        shards = [await listed(house.publisher, f"issuing.{shard}") for shard in range(1, SHARDS + 1)]
        assert set().union(*shards) == await listed(house.publisher, "issuing")
        assert sum(map(len, shards)) == len(certificates)


async def test_other_settings_move_no_certificate_and_its_shard_goes_on(tmp_path: Path) -> None:
    async with core(tmp_path, shards=SHARDS) as house:
        certificate = await issued(house)
    async with core(tmp_path, shards=1) as house:
        await house.publisher.turn()
        newer = await issued(house, "newer")
        await house.revocations.revoke(certificate.serial, Reason.SUPERSEDED, actor="test")
        await house.publisher.turn()

        own = f"issuing.{certificate.shard}"
        assert (newer.shard, pointer(newer)) == (0, "http://ca.example/crl/issuing.crl")
        assert await listed(house.publisher, own) == {int(certificate.serial, 16)}
        with pytest.raises(NotFound):
            await house.publisher.newest(f"issuing.{certificate.shard % SHARDS + 1}")


async def test_a_shard_that_moves_still_covers_the_certificates_that_point_to_where_it_was(tmp_path: Path) -> None:
    async with core(tmp_path, shards=SHARDS) as house:
        certificate = await issued(house)
        await house.publisher.turn()
    async with core(tmp_path, shards=SHARDS, repository="http://new.example") as house:
        house.clock.move(1)
        newer = await issued(house, "newer")

        await house.publisher.turn()

        for one, host in ((certificate, "ca.example"), (newer, "new.example")):
            assert pointer(one) == f"http://{host}/crl/issuing.{one.shard}.crl"
            crl = x509.load_der_x509_crl((await house.publisher.newest(f"issuing.{one.shard}")).der)
            named = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value.full_name
            assert named == [
                x509.UniformResourceIdentifier(f"http://{where}/crl/issuing.{one.shard}.crl")
                for where in ("new.example", "ca.example")
            ]


async def test_the_journal_names_shard_and_number(tmp_path: Path) -> None:
    async with core(tmp_path, shards=2) as house:
        await house.publisher.turn()

        published = [msgspec.convert(entry.detail["shard"], int) for entry in await house.journal("crl-published")]
        assert sorted(published) == [0, 1, 2]
