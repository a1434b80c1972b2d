from __future__ import annotations

import msgspec
import pytest

from ca_core.errors import Misconfigured
from ca_core.issuance.authorities import ISSUING, Authorities, Standing
from ca_core.issuance.fit import prove_profiles
from ca_core.policy.profile import BUILT_IN, DEVICE, SECONDS_PER_DAY
from tests.builders.authority import NOW, house


def authorities() -> Authorities:
    made = house()
    one = Standing(
        line=ISSUING, parent="root", signs_from=0, last_expiry=0, certificate=made.issuer, key_uri="file:", key=made.key
    )
    return Authorities([one])


def test_the_built_in_profiles_fit_the_authority_that_init_makes() -> None:
    prove_profiles(BUILT_IN.values(), authorities(), now=NOW)


def test_a_profile_that_outlives_its_ca_is_named() -> None:
    # The issuing CA lives for ten years and an hour.
    fits = msgspec.structs.replace(DEVICE, validity_seconds=3650 * SECONDS_PER_DAY + 3600)
    outlives = msgspec.structs.replace(DEVICE, validity_seconds=3650 * SECONDS_PER_DAY + 3601)

    prove_profiles([fits], authorities(), now=NOW)
    with pytest.raises(Misconfigured, match=r"profiles\.device\.validity_seconds is more than .* CA issuing"):
        prove_profiles([outlives], authorities(), now=NOW)


def test_a_ca_that_nears_its_end_still_serves() -> None:
    prove_profiles([DEVICE], authorities(), now=house().issuer.not_after - 60)


def test_a_line_that_there_is_not_is_named() -> None:
    stray = msgspec.structs.replace(DEVICE, issuer="quantum")

    with pytest.raises(Misconfigured, match=r"profiles\.device\.issuer: .*'quantum'; choose among issuing"):
        prove_profiles([stray], authorities(), now=NOW)
