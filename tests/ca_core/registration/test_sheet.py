from __future__ import annotations

import json

from ca_core.registration import sheet as sheet_module
from ca_core.registration.sheet import Places, Sheet, eab_key
from ca_core.secret import Secret

PLACES = Places("https://h:1/acme/directory", "https://h:2/.well-known/est", "https://h:1/", "/trust.pem")
SHEET = Sheet("acc", "CN=王小明,C=TW", 2, Secret("PASS"), Secret("CODE"), eab_key("KID", b"\xff" * 32))


def test_the_json_has_the_members_that_scripts_count_on() -> None:
    assert json.loads(sheet_module.as_json(SHEET, PLACES)) == {
        "account": "acc",
        "sheet": 2,
        "initial_password": "PASS",
        "enrollment_code": "CODE",
        "eab": {"kid": "KID", "hmac_key": "_" * 42 + "8", "alg": "HS256"},
        "acme_directory": "https://h:1/acme/directory",
        "est_url": "https://h:2/.well-known/est",
        "portal_url": "https://h:1/",
        "ca_bundle": "/trust.pem",
    }


def test_a_secret_that_the_kind_does_not_use_is_null_and_not_printed() -> None:
    bare = Sheet("acc", "CN=x", 1, None, None, None)

    found = json.loads(sheet_module.as_json(bare, PLACES))

    assert (found["initial_password"], found["enrollment_code"], found["eab"]) == (None, None, None)
    assert "密碼 Initial" not in sheet_module.as_text(bare, PLACES)


def test_the_text_speaks_both_languages_and_has_every_secret() -> None:
    text = sheet_module.as_text(SHEET, PLACES)

    for expected in ("密碼單 PASSWORD SHEET No. 2", "帳號 Account", "CN=王小明,C=TW", "PASS", "CODE", "KID", "_" * 42):
        assert expected in text


def test_a_sheet_does_not_show_its_secrets_by_accident() -> None:
    for secret in ("PASS", "CODE", "_" * 42):
        assert secret not in repr(SHEET)
