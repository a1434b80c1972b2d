"""Invariant 9: each key that must not be certified really asks for a certificate, and nothing changes."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ca_core.applicant import Applicant, Door
from ca_core.errors import BadCsr, KeyCompromised, KeyInUse, Refusal, WeakKey
from ca_core.policy.blocklist import Blocklist
from ca_core.policy.request import parse
from ca_core.revocation.reason import Reason
from ca_core.store import key_owners
from tests.builders import csr
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.weak_keys import VECTOR_MAKERS, VECTORS

# The reader gives up on these before there is a key to look at.
UNREADABLE = {"rsa-e-even", "ed448"}
TABLES = ("certificates", "key_owners", "credentials", "journal", "revocations", "work")


async def somebody(core: Core, account: str) -> Applicant:
    sheet = await core.register(account, kind="person", uses=1)
    assert sheet.enrollment_code is not None
    return await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def state(core: Core) -> dict[str, list[tuple[object, ...]]]:
    """Every row that an issuance could change."""
    async with core.database.read() as tx:
        return {table: await tx.all(f"SELECT * FROM {table}") for table in TABLES}  # noqa: S608  # our own names


async def refused(
    core: Core, who: Applicant, der: bytes, leaf: type[Refusal], *, profile_name: str = "signing"
) -> None:
    before = await state(core)

    with pytest.raises(Refusal) as refusal:
        await core.enroll(who, parse(der), profile_name=profile_name)

    assert type(refusal.value) is leaf
    assert await state(core) == before


def test_every_vector_is_there() -> None:
    assert {path.stem for path in VECTORS.iterdir()} == set(VECTOR_MAKERS)


@pytest.mark.parametrize("name", sorted(VECTOR_MAKERS))
async def test_a_weak_key_is_refused(core: Core, name: str) -> None:
    leaf = BadCsr if name in UNREADABLE else WeakKey

    await refused(core, await somebody(core, "acc"), (VECTORS / f"{name}.der").read_bytes(), leaf)


async def test_a_blocked_key_is_refused_although_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    blocked = Blocklist(hashlib.sha256(csr.spki(csr.ec_key())).digest())
    async with open_core(tmp_path, blocked=blocked) as core:
        await refused(core, await somebody(core, "acc"), csr.csr(csr.ec_key()), KeyCompromised)


async def another_registration(core: Core) -> None:
    await core.enroll(await somebody(core, "other"), parse(csr.csr()))


async def an_acme_account(core: Core) -> None:
    async with core.database.write() as tx:
        assert await key_owners.claim(tx, parse(csr.csr()).spki_sha256, purpose="acme-account", registration_id="x")


async def a_victim(core: Core) -> None:
    who = await somebody(core, "victim")
    issued = await core.enroll(who, parse(csr.csr()))
    await core.revocations.revoke(issued.serial, Reason.KEY_COMPROMISE, actor="test")


@pytest.mark.parametrize(
    ("holder", "leaf"),
    [(another_registration, KeyInUse), (an_acme_account, KeyInUse), (a_victim, KeyCompromised)],
)
async def test_a_key_of_somebody_else_is_refused(
    core: Core, holder: Callable[[Core], Awaitable[None]], leaf: type[Refusal]
) -> None:
    await holder(core)

    await refused(core, await somebody(core, "acc"), csr.csr(), leaf)


@pytest.mark.parametrize(("first", "second"), [("signing", "encryption"), ("encryption", "signing")])
async def test_the_two_keys_of_a_pair_are_two(core: Core, first: str, second: str) -> None:
    sheet = await core.register("acc", kind="person", uses=None)
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code("acc", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)
    await core.enroll(who, parse(csr.csr()), profile_name=first)

    await refused(core, who, csr.csr(), KeyInUse, profile_name=second)
    issued = await core.enroll(who, parse(csr.csr(csr.rsa_key())), profile_name=second)

    assert issued.profile == second
