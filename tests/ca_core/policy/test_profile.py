from __future__ import annotations

import msgspec
import pytest

from ca_core.applicant import Door
from ca_core.errors import Misconfigured
from ca_core.policy import profile as profiles
from ca_core.policy.profile import ExtendedUsage, KeyPurpose, ProfileOverride, Usage, profiles_from, validated

SIGN = {Usage.DIGITAL_SIGNATURE}


def test_every_built_in_profile_makes_sense() -> None:
    for profile in profiles.BUILT_IN.values():
        assert validated(profile) is profile


def test_a_pair_never_shares_a_purpose_or_a_usage() -> None:
    signing, encryption = profiles.SIGNING, profiles.ENCRYPTION

    assert signing.key_purpose != encryption.key_purpose
    assert not signing.usages_for("rsa") & encryption.usages_for("rsa")
    assert not signing.usages_for("ec") & encryption.usages_for("ec")


def test_usages_follow_the_kind_of_key() -> None:
    assert profiles.TLS_SERVER.usages_for("rsa") == SIGN | {Usage.KEY_ENCIPHERMENT}
    assert profiles.TLS_SERVER.usages_for("ec") == SIGN
    assert profiles.ENCRYPTION.usages_for("rsa") == {Usage.KEY_ENCIPHERMENT}
    assert profiles.ENCRYPTION.usages_for("ec") == {Usage.KEY_AGREEMENT}
    assert profiles.SIGNING.usages_for("ed25519") == SIGN | {Usage.CONTENT_COMMITMENT}


def test_ed25519_cannot_encrypt() -> None:
    assert profiles.ENCRYPTION.usages_for("ed25519") == frozenset()


def test_the_servers_own_profile_is_nobody_elses() -> None:
    grantable = {name for name, profile in profiles.BUILT_IN.items() if profile.is_grantable}

    assert grantable == {"tls-server", "device", "signing", "encryption"}


def test_a_tls_server_certificate_is_no_client_certificate() -> None:
    assert profiles.TLS_SERVER.extended_key_usage == {ExtendedUsage.SERVER_AUTH}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("validity_seconds", 59),
        ("validity_seconds", 10 * 365 * 86_400 + 1),
        ("rsa_usage", frozenset()),
        ("ec_usage", frozenset()),
        ("extended_key_usage", frozenset()),
        ("doors", frozenset()),
        ("doors", frozenset({Door.SERVER, Door.ACME})),
        ("name_kinds", frozenset()),
        ("rsa_usage", frozenset({Usage.DIGITAL_SIGNATURE, Usage.CONTENT_COMMITMENT})),
        ("rsa_usage", frozenset({Usage.KEY_AGREEMENT})),
        ("ec_usage", frozenset({Usage.KEY_ENCIPHERMENT})),
    ],
)
def test_nonsense_is_named_by_profile_and_field(field: str, value: object) -> None:
    profile = msgspec.structs.replace(profiles.TLS_SERVER, **{field: value})

    with pytest.raises(Misconfigured, match=rf"profiles\.tls-server\.{field} "):
        validated(profile)


@pytest.mark.parametrize("purpose", [KeyPurpose.SIGNING, KeyPurpose.ENCRYPTION])
def test_signing_and_encryption_are_not_mixed(purpose: KeyPurpose) -> None:
    profile = msgspec.structs.replace(profiles.TLS_SERVER, key_purpose=purpose)

    with pytest.raises(Misconfigured, match="rsa_usage"):
        validated(profile)


def test_settings_change_what_they_name_and_nothing_else() -> None:
    changed = profiles_from({"device": ProfileOverride(validity_seconds=3600, same_key_renewal=False)})

    assert changed["device"] == msgspec.structs.replace(profiles.DEVICE, validity_seconds=3600, same_key_renewal=False)
    assert {**changed, "device": profiles.DEVICE} == profiles.BUILT_IN


def test_an_unknown_profile_is_an_error_in_settings() -> None:
    with pytest.raises(Misconfigured, match=r"profiles\.tls: no such profile"):
        profiles_from({"tls": ProfileOverride()})


def test_a_validity_that_makes_no_sense_is_an_error_in_settings() -> None:
    with pytest.raises(Misconfigured, match=r"profiles\.device\.validity_seconds"):
        profiles_from({"device": ProfileOverride(validity_seconds=0)})


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"validity_days": 3}, ProfileOverride)
