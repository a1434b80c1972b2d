from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ca_core.errors import Misconfigured
from ca_core.policy.profile import BUILT_IN
from ca_core.registration.kind import (
    PRESETS,
    Approvals,
    IdentityNumber,
    KindRevocation,
    Kinds,
    PasswordPolicy,
)
from ca_core.registration.kind_settings import kinds_from, read_kinds

GRANTABLE = ("tls-server", "device", "signing", "encryption")


def kinds(tables: object) -> Kinds:
    return kinds_from(read_kinds(tables), BUILT_IN)


def test_nothing_set_leaves_the_presets() -> None:
    assert dict(kinds({})) == {
        name: msgspec.structs.replace(kind, grantable=GRANTABLE) for name, kind in PRESETS.items()
    }


def test_a_preset_is_changed_field_by_field() -> None:
    device = kinds({"device": {"code_uses": 3, "eab_uses": "unlimited", "activation": True}})["device"]

    assert device == msgspec.structs.replace(
        PRESETS["device"], code_uses=3, eab_uses=None, activation=True, grantable=GRANTABLE
    )


def test_a_new_kind_starts_from_a_preset_and_comes_last() -> None:
    made = kinds(
        {
            "branch": {
                "based_on": "organization",
                "profiles": ["signing"],
                "grantable": ["signing", "tls-server"],
                "has_password": False,
                "most_certificates": 5,
                "password_policy": "manual",
                "approvals": {"register": 1, "revoke": 2},
                "revocation": "review",
                "name_suffixes": ["branch.example"],
                "networks": ["10.0.0.0/8"],
                "identity_number": "tw-company",
            }
        }
    )

    assert list(made) == [*PRESETS, "branch"]
    assert made["branch"] == msgspec.structs.replace(
        PRESETS["organization"],
        name="branch",
        profiles=("signing",),
        grantable=("signing", "tls-server"),
        has_password=False,
        most_certificates=5,
        password_policy=PasswordPolicy.MANUAL,
        approvals=Approvals(register=1, revoke=2),
        revocation=KindRevocation.REVIEW,
        name_suffixes=("branch.example",),
        networks=("10.0.0.0/8",),
        identity_number=IdentityNumber.TW_COMPANY,
    )


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        (7, r"kinds must be a table of tables"),
        ({"Robot": {}}, r"kinds\.'Robot': a kind's name is"),
        ({"server": {}}, r"kinds\.server: the name is this server's own"),
        ({"device": 7}, r"kinds\.device must be a table"),
        ({"device": {"color": 1}}, r"unknown setting kinds\.device\.color; there are based_on"),
        ({"device": {"a b": 1}}, r"unknown setting kinds\.device\.'a b'"),
        ({"device": {"approvals": {"print": 1}}}, r"kinds\.device\.approvals\.print; there are register, issue"),
        ({"device": {"approvals": 1}}, r"kinds\.device\.approvals must be a table"),
        ({"device": {"approvals": {"issue": "x"}}}, r"kinds\.device\.approvals\.issue must be a whole number"),
        ({"device": {"approvals": {"issue": 10}}}, r"kinds\.device\.approvals\.issue must be from 0 to 9"),
        ({"device": {"code_days": "x"}}, r"kinds\.device\.code_days must be a whole number"),
        ({"device": {"code_uses": 1.5}}, r'kinds\.device\.code_uses must be a whole number or "unlimited"'),
        ({"device": {"code_uses": "often"}}, r'kinds\.device\.code_uses must be from 1 to 1000000000, or "unlimited"'),
        ({"device": {"code_days": 0}}, r"kinds\.device\.code_days must be from 1 to 36600$"),
        ({"device": {"activation": "yes"}}, r"kinds\.device\.activation must be true or false"),
        ({"device": {"profiles": "device"}}, r"kinds\.device\.profiles must be a list of words"),
        ({"device": {"profiles": [1]}}, r"kinds\.device\.profiles must be a list of words"),
        ({"device": {"profiles": []}}, r"kinds\.device\.profiles must name at least one"),
        ({"device": {"profiles": ["own-tls"]}}, r"kinds\.device\.profiles holds 'own-tls'; choose among tls-server"),
        ({"device": {"profiles": ["device", "device"]}}, r"kinds\.device\.profiles holds a profile twice"),
        ({"device": {"grantable": ["signing"]}}, r"kinds\.device\.grantable leaves out device"),
        ({"device": {"revocation": "never"}}, r"kinds\.device\.revocation is 'never'; choose among profile, at-once"),
        (
            {"device": {"identity_number": "de"}},
            r'kinds\.device\.identity_number is \'de\'; choose among "", tw-person',
        ),
        ({"device": {"name_suffixes": ["*.example"]}}, r"kinds\.device\.name_suffixes holds '\*\.example'"),
        ({"device": {"name_suffixes": [".example"]}}, r"kinds\.device\.name_suffixes holds '\.example'"),
        ({"device": {"networks": ["10.0.0.1/8"]}}, r"kinds\.device\.networks holds what is no network"),
        ({"device": {"based_on": "person"}}, r"kinds\.device\.based_on cannot be set"),
        ({"robot": {}}, r"kinds\.robot: there is no such kind; to make one, write based_on: person"),
        ({"robot": {"based_on": "server"}}, r"kinds\.robot\.based_on must be one of person"),
    ],
)
def test_nonsense_is_named_by_kind_and_field(tables: dict[str, Any], fault: str) -> None:
    with pytest.raises(Misconfigured, match=fault):
        kinds(tables)
