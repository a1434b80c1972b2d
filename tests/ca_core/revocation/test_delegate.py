"""RFC 6960, 4.2.2.2: the responder's certificate, from its issuance to the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from ca_core.errors import StoreUnavailable
from ca_core.policy.profile import MESSAGE_SIGNER
from ca_core.revocation.delegate import Delegate
from ca_core.revocation.reason import Reason
from tests.builders.core import PASSPHRASE, Core
from tests.builders.delegates import delegates
from tests.builders.ocsp import Answering, answering

DAY = 86_400


@pytest.fixture
async def office(core: Core, tmp_path: Path) -> Answering:
    built = answering(core, tmp_path)
    await built.delegates.turn()
    return built


def delegate(office: Answering) -> Delegate:
    return office.delegates.of("issuing")


async def test_it_lives_a_week_and_comes_through_the_one_door(core: Core, office: Answering) -> None:
    (entry,) = await core.journal("certificate-issued")

    assert entry.serial == delegate(office).serial
    assert entry.detail["profile"] == "ocsp-responder"
    assert delegate(office).not_after - delegate(office).not_before == 7 * DAY


async def test_its_file_is_for_nobody_else_and_its_key_is_encrypted(office: Answering, tmp_path: Path) -> None:
    path = tmp_path / "tls" / "ocsp-issuing.pem"

    assert path.stat().st_mode & 0o777 == 0o600
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()
    assert PASSPHRASE not in path.read_bytes()


async def test_a_restart_goes_on_with_the_same_one(core: Core, office: Answering, tmp_path: Path) -> None:
    restarted = answering(core, tmp_path)
    await restarted.delegates.turn()

    assert delegate(restarted).serial == delegate(office).serial
    assert restarted.delegates.generation == 0


async def test_it_is_renewed_at_half_of_its_life_with_another_key(core: Core, office: Answering) -> None:
    first = delegate(office)
    core.clock.move(first.renew_at - core.clock.now() - 1)
    await office.delegates.turn()
    assert delegate(office) is first

    core.clock.move(1)
    await office.delegates.turn()

    assert delegate(office).key_hash != first.key_hash
    assert office.delegates.generation == 2


async def test_a_revoked_one_is_replaced(core: Core, office: Answering) -> None:
    first = delegate(office)
    await core.revocations.revoke(first.serial, Reason.KEY_COMPROMISE, actor="test")

    await office.delegates.turn()

    assert delegate(office).serial != first.serial


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"-----BEGIN CERTIFICATE-----\n"])
async def test_a_lost_or_damaged_file_is_made_again(
    core: Core, office: Answering, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "tls" / "ocsp-issuing.pem"
    path.unlink() if content is None else path.write_bytes(content)

    restarted = answering(core, tmp_path)
    await restarted.delegates.turn()

    assert delegate(restarted).serial != delegate(office).serial


async def test_a_file_with_another_key_is_made_again(core: Core, office: Answering, tmp_path: Path) -> None:
    path = tmp_path / "tls" / "ocsp-issuing.pem"
    before = path.read_bytes()
    core.clock.move(4 * DAY)
    await office.delegates.turn()
    begin = b"-----BEGIN CERTIFICATE-----"
    path.write_bytes(before.partition(begin)[0] + begin + path.read_bytes().partition(begin)[2])

    restarted = answering(core, tmp_path)
    await restarted.delegates.turn()

    assert delegate(restarted).serial != delegate(office).serial


async def test_where_nothing_can_be_issued_the_old_one_serves_to_its_end(
    core: Core, office: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = delegate(office)

    def unwritable() -> None:
        raise StoreUnavailable("the disk is full", retry_after_seconds=2)

    monkeypatch.setattr(core.database, "write", unwritable)
    core.clock.move(4 * DAY)
    await office.delegates.turn()

    assert delegate(office) is first
    core.clock.move(4 * DAY)
    with pytest.raises(StoreUnavailable):
        delegate(office)


async def test_nobody_answers_for_a_ca_before_the_first_turn(core: Core, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        answering(core, tmp_path).delegates.of("issuing")


async def test_a_signer_of_messages_is_kept_beside_the_responder(core: Core, tmp_path: Path) -> None:
    signers = delegates(core, tmp_path, profile=MESSAGE_SIGNER, prefix="messages")
    await signers.turn()

    signer = signers.of("issuing")

    (usage,) = (
        x509.load_der_x509_certificate(signer.certificate)
        .extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        .value
    )
    assert usage.dotted_string == "1.3.6.1.5.5.7.3.27"
    assert signer.not_after - signer.not_before == 30 * DAY
    assert (tmp_path / "tls" / "messages-issuing.pem").exists()
