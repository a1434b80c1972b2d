from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import AlreadyRevoked, BadRequest, KeyInUse, NotFound, ProfileNotOffered, WrongState
from ca_core.issuance.adoption import Adoption
from ca_core.issuance.authorities import ISSUING
from ca_core.policy.request import parse
from ca_core.revocation.reason import Reason
from ca_core.store import authorities
from ca_core.store.authorities import Row
from ca_core.store.certificates import Certificate
from tests.builders.core import Core, granted
from tests.builders.core import core as opened
from tests.builders.est import Csr

NAME = names.dns("a.example")


async def lost(house: Core) -> Certificate:
    """A certificate that the store has forgotten, as an older backup has."""
    await house.register("acc", *granted(NAME))
    who = Applicant((await house.desk.show("acc")).id, Door.EST, "test", "192.0.2.1")
    certificate = await house.enroll(who, parse(Csr(names=("a.example",)).der()))
    ca = house.authority.issuing.public_bytes(Encoding.DER)
    async with house.database.write() as tx:
        await tx.execute("DELETE FROM certificates")
        await tx.execute("DELETE FROM key_owners")
        await authorities.insert(tx, Row(ISSUING, ISSUING, "root", "file:", ca, None, 0), now=house.clock.now())
    return certificate


def adoption(house: Core) -> Adoption:
    return Adoption(house.database, house.clock, house.profiles)


async def adopted(house: Core, der: bytes, *, account: str = "acc", profile_name: str = "tls-server") -> Certificate:
    return await adoption(house).adopt(der, account=account, profile_name=profile_name, actor="cli:operator:test")


async def test_a_lost_certificate_is_again_what_it_was(core: Core) -> None:
    certificate = await lost(core)

    again = await adopted(core, certificate.der)

    assert again.der == certificate.der
    assert (again.serial, again.issuer, again.names) == (certificate.serial, "issuing", "dns:a.example")
    assert (again.not_before, again.not_after) == (certificate.not_before, certificate.not_after)
    (entry,) = await core.journal("certificate-adopted")
    assert (entry.serial, entry.detail["names"]) == (certificate.serial, ["dns:a.example"])


async def test_an_adopted_certificate_can_be_revoked(core: Core) -> None:
    certificate = await lost(core)
    await adopted(core, certificate.der)

    await core.revocations.revoke(certificate.serial, Reason.KEY_COMPROMISE, actor="test")

    with pytest.raises(AlreadyRevoked):
        await core.revocations.revoke(certificate.serial, Reason.SUPERSEDED, actor="test")


async def test_the_shard_of_an_adopted_certificate_is_the_one_that_it_names(tmp_path: Path) -> None:
    async with opened(tmp_path, shards=7) as sharded:
        certificate = await lost(sharded)

        assert certificate.shard != 0
        assert (await adopted(sharded, certificate.der)).shard == certificate.shard


async def test_what_is_known_is_not_adopted(core: Core) -> None:
    certificate = await lost(core)
    await adopted(core, certificate.der)

    with pytest.raises(WrongState, match="known here already"):
        await adopted(core, certificate.der)


async def test_what_no_ca_of_ours_signed_is_nobodys_to_adopt(core: Core) -> None:
    certificate = await lost(core)
    altered = bytearray(certificate.der)
    altered[-1] ^= 1

    for der in (bytes(altered), core.authority.root.public_bytes(Encoding.DER)):
        with pytest.raises(NotFound, match="no CA of this server"):
            await adopted(core, der)


async def test_a_key_stays_with_its_owner(core: Core) -> None:
    certificate = await lost(core)
    await core.register("other")
    await adopted(core, certificate.der)
    async with core.database.write() as tx:
        await tx.execute("DELETE FROM certificates")

    with pytest.raises(KeyInUse):
        await adopted(core, certificate.der, account="other")


@pytest.mark.parametrize(
    ("account", "profile", "refusal"),
    [("nobody", "tls-server", NotFound), ("acc", "own-tls", ProfileNotOffered), ("acc", "none", ProfileNotOffered)],
)
async def test_a_holder_and_a_profile_must_be_there(
    core: Core, account: str, profile: str, refusal: type[Exception]
) -> None:
    certificate = await lost(core)

    with pytest.raises(refusal):
        await adopted(core, certificate.der, account=account, profile_name=profile)


async def test_what_is_no_certificate_is_refused(core: Core) -> None:
    version = b"\xa0\x03\x02\x01"
    of_no_version = (await lost(core)).der.replace(version + b"\x02", version + b"\x05", 1)

    for der in (b"\x30\x00", of_no_version):
        with pytest.raises(BadRequest):
            await adopted(core, der)
