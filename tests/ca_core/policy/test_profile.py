from __future__ import annotations

import msgspec
import pytest

from ca_core.applicant import Door
from ca_core.errors import Misconfigured
from ca_core.policy import profile as profiles
from ca_core.policy.keys import KeyType
from ca_core.policy.profile import ExtendedUsage, KeyPurpose, Usage
from ca_core.policy.profile_rules import validated
from ca_core.policy.profile_settings import ProfileSettings, profiles_from

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


@pytest.mark.parametrize("kind", ["ed25519", "ml-dsa"])
def test_keys_that_only_sign_cannot_encrypt(kind: KeyType) -> None:
    assert profiles.ENCRYPTION.usages_for(kind) == frozenset()


def test_the_servers_own_profiles_are_nobody_elses() -> None:
    grantable = {name for name, profile in profiles.BUILT_IN.items() if profile.is_grantable}

    assert grantable == {"tls-server", "device", "signing", "encryption"}


def test_a_tls_server_certificate_is_no_client_certificate() -> None:
    assert profiles.TLS_SERVER.extended_key_usage == {ExtendedUsage.SERVER_AUTH}


def test_only_a_responder_answers_ocsp() -> None:
    assert [name for name, profile in profiles.BUILT_IN.items() if profile.answers_ocsp] == ["ocsp-responder"]


def test_a_window_of_its_own_goes_before_the_setting_for_all() -> None:
    assert profiles.DEVICE.window_days(30) == 30
    assert msgspec.structs.replace(profiles.DEVICE, renewal_window_days=7).window_days(30) == 7


# -- Rules that no settings file can break, for settings reach no such profile ----------------------------------


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("doors", {"doors": frozenset({Door.SERVER, Door.ACME})}),
        (
            "extended_key_usage",
            {"extended_key_usage": frozenset({ExtendedUsage.OCSP_SIGNING}), "validity_seconds": 86_400},
        ),
        ("extended_key_usage", {"extended_key_usage": frozenset({ExtendedUsage.CMC_CA})}),
        (
            "extended_key_usage",
            {
                "doors": frozenset({Door.SERVER}),
                "extended_key_usage": frozenset({ExtendedUsage.OCSP_SIGNING, ExtendedUsage.CLIENT_AUTH}),
                "validity_seconds": 86_400,
            },
        ),
    ],
)
def test_nonsense_is_named_by_profile_and_field(field: str, changes: dict[str, object]) -> None:
    profile = msgspec.structs.replace(profiles.TLS_SERVER, **changes)

    with pytest.raises(Misconfigured, match=rf"profiles\.tls-server\.{field} "):
        validated(profile)


# -- Settings ----------------------------------------------------------------------------------------------


def test_settings_change_what_they_name_and_nothing_else() -> None:
    changed = profiles_from({"device": ProfileSettings(validity_seconds=3600, same_key_renewal=False)})

    assert changed["device"] == msgspec.structs.replace(profiles.DEVICE, validity_seconds=3600, same_key_renewal=False)
    assert {**changed, "device": profiles.DEVICE} == profiles.BUILT_IN


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (ProfileSettings(validity_days=2), 172_800),
        (ProfileSettings(validity_hours=36), 129_600),
        (ProfileSettings(validity_minutes=90), 5_400),
    ],
)
def test_validity_is_written_in_the_unit_that_fits(written: ProfileSettings, seconds: int) -> None:
    assert profiles_from({"device": written})["device"].validity_seconds == seconds


def test_a_new_profile_starts_from_the_one_that_it_is_based_on() -> None:
    new = profiles_from({"printer": ProfileSettings(based_on="device", key_types=("ec-p256", "ed25519"))})["printer"]

    assert new == msgspec.structs.replace(profiles.DEVICE, name="printer", key_types=frozenset({"ec-p256", "ed25519"}))
    assert new.is_grantable


def test_a_new_profile_may_serve_another_purpose() -> None:
    written = ProfileSettings(
        based_on="device",
        key_purpose="signing",
        doors=("est",),
        rsa_usage=("digitalSignature",),
        extended_key_usage=("codeSigning",),
        subject=("O", "C"),
        revocation="reviewed",
    )

    new = profiles_from({"release": written})["release"]

    assert (new.key_purpose, new.subject) == (KeyPurpose.SIGNING, ("O", "C"))
    assert new.revocation is profiles.RevocationRule.REVIEWED


def test_where_nobody_is_told_of_a_revocation_no_place_is_named() -> None:
    new = profiles_from({"device": ProfileSettings(no_rev_avail=True, validity_days=7)})["device"]

    assert (new.no_rev_avail, new.crl, new.ocsp, new.ca_issuers) == (True, False, False, True)


def test_a_profile_for_rsa_keys_alone_needs_no_usage_of_others() -> None:
    new = profiles_from({"device": ProfileSettings(key_types=("rsa-3072",), ec_usage=())})["device"]

    assert new.usages_for("ec") == frozenset()


def test_the_servers_own_validity_can_be_set() -> None:
    assert profiles_from({"own-tls": ProfileSettings(validity_days=47)})["own-tls"].validity_seconds == 47 * 86_400


def test_a_request_puts_nothing_on_hold_that_may_not_be() -> None:
    on_hold = ProfileSettings(revocation="reviewed-on-hold")

    with pytest.raises(Misconfigured, match=r"tls-server\.revocation must not be reviewed-on-hold unless hold is true"):
        profiles_from({"tls-server": on_hold})
    assert profiles_from({"device": on_hold})["device"].revocation is profiles.RevocationRule.REVIEWED_ON_HOLD
    assert profiles_from({"tls-server": msgspec.structs.replace(on_hold, hold=True)})["tls-server"].hold
