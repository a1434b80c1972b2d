from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from ca_core.errors import (
    CredentialExpired,
    CredentialRevoked,
    CredentialSpent,
    Misconfigured,
    NetworkNotAllowed,
    ProfileNotGranted,
)
from ca_core.registration import credential
from ca_core.registration.credential import Credential, CredentialKind, SecretKeeper
from ca_core.registration.proof_keys import ProofKeys
from ca_core.secret import Secret

KEEPER = SecretKeeper(b"k" * 32)


def test_an_enrollment_code_has_120_bits_and_fits_every_client() -> None:
    codes = {credential.new_enrollment_code().reveal() for _ in range(200)}

    assert len(codes) == 200
    assert all(re.fullmatch(r"([2-9A-HJ-NP-Z]{4}-){5}[2-9A-HJ-NP-Z]{4}", code) for code in codes)


def test_an_initial_password_fits_the_manual() -> None:
    assert all(6 <= len(credential.new_password().reveal()) <= 16 for _ in range(50))


def test_a_kid_is_letters_and_digits_only() -> None:
    assert all(re.fullmatch(r"[2-9A-Z]{20}", credential.new_kid()) for _ in range(200))


def test_a_mac_key_is_32_octets_in_43_characters_that_no_shell_takes_for_an_option() -> None:
    for _ in range(500):
        text = credential.mac_key_text(credential.new_mac_key())

        assert len(text) == 43
        assert not text.startswith("-")
        assert len(base64.urlsafe_b64decode(text + "=")) == 32


def test_a_hash_is_bound_to_its_registration_and_to_the_key() -> None:
    secret = Secret("ABCD")
    stored = KEEPER.hashed("r1", secret)

    assert KEEPER.matches("r1", Secret("ABCD"), stored)
    assert not KEEPER.matches("r1", Secret("ABCE"), stored)
    assert not KEEPER.matches("r2", secret, stored)
    assert not SecretKeeper(b"o" * 32).matches("r1", secret, stored)


def test_a_sealed_key_opens_under_its_own_kid_and_key_only() -> None:
    sealed = KEEPER.sealed("KID", b"mac key")

    assert KEEPER.opened("KID", sealed) == b"mac key"
    assert b"mac key" not in sealed
    for keeper, kid in ((KEEPER, "OTHER"), (SecretKeeper(b"o" * 32), "KID")):
        with pytest.raises(Misconfigured, match="does not open"):
            keeper.opened(kid, sealed)


def test_sealing_twice_gives_two_texts() -> None:
    assert KEEPER.sealed("KID", b"mac key") != KEEPER.sealed("KID", b"mac key")


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(Misconfigured, match="32 octets"):
        SecretKeeper(b"short")


def test_nothing_secret_shows_itself() -> None:
    assert "ABCD" not in repr(Secret("ABCD"))
    assert "ABCD" not in f"{Secret('ABCD')}"
    assert repr(KEEPER) == "SecretKeeper(...)"


def test_secrets_compare_by_text_and_only_with_secrets() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def held(*, uses_left: int | None, expires_at: int = 100) -> Credential:
    return Credential("c", "r", 1, CredentialKind.ENROLLMENT_CODE, None, b"", uses_left, expires_at)


def limited(**limits: Any) -> Credential:
    return Credential("c", "r", 1, CredentialKind.EAB_KEY, "KID", b"", None, 100, **limits)


def test_a_revoked_key_works_no_more_whatever_else_it_is() -> None:
    with pytest.raises(CredentialRevoked, match="EAB key is revoked"):
        limited(revoked_at=5).require_usable(101)


def test_a_key_works_from_its_networks_only() -> None:
    key = limited(networks=("192.0.2.0/24", "2001:db8::/32"))

    for address in ("192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"):
        key.require_network(address)
    for address in ("192.0.3.7", "2001:db9::7", "unknown"):
        with pytest.raises(NetworkNotAllowed, match=address):
            key.require_network(address)
    limited().require_network("198.51.100.1")


def test_a_key_whose_profiles_are_all_gone_binds_nobody() -> None:
    limited().require_profile_of(())
    limited(profiles=("device", "tls-server")).require_profile_of(("tls-server",))
    with pytest.raises(ProfileNotGranted, match="device, which the registration does not hold any more"):
        limited(profiles=("device",)).require_profile_of(("tls-server",))


def test_a_proof_key_opens_for_its_registration_alone() -> None:
    keeper = SecretKeeper(bytes(32))
    sealed = keeper.sealed_proof("r", ProofKeys(b"key"))

    assert keeper.opened_proof("r", sealed) == ProofKeys(b"key")
    with pytest.raises(Misconfigured):
        keeper.opened_proof("s", sealed)


def test_a_credential_works_until_its_last_second_and_use() -> None:
    held(uses_left=1).require_usable(100)
    held(uses_left=None).require_usable(100)
    with pytest.raises(CredentialSpent, match="enrollment code has no uses left"):
        held(uses_left=0).require_usable(100)
    with pytest.raises(CredentialExpired, match="has expired"):
        held(uses_left=1).require_usable(101)


def test_keepers_of_one_master_key_make_the_same_keys_and_no_others_do() -> None:
    alike, another = SecretKeeper(b"k" * 32), SecretKeeper(b"o" * 32)

    assert KEEPER.key_from(b"seed") == alike.key_from(b"seed") != alike.key_from(b"another seed")
    assert KEEPER.key_from(b"seed") != another.key_from(b"seed")
    assert KEEPER.fingerprint == alike.fingerprint != another.fingerprint
