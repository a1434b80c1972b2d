from __future__ import annotations

from pathlib import Path

import pytest

from ca_core.issuance.key_files import key_files
from ca_core.store import authorities
from ca_core.store.authorities import Row
from tests.builders.core import Core


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("file:authority/issuing.key", "authority/issuing.key"),
        ("file:a%20vault/key", "a vault/key"),
        ("file:/somewhere/else/key", "/somewhere/else/key"),
        ("pkcs11:token=t;object=k?module-name=softhsm2&pin-source=file:secrets/pin", "secrets/pin"),
        ("pkcs11:token=t;object=k?module-name=softhsm2", None),
        ("", None),
    ],
)
async def test_what_a_key_is_in_or_is_opened_by(core: Core, tmp_path: Path, uri: str, file: str | None) -> None:
    row = Row(name="one", line="one", parent="one", key_uri=uri, certificate=None, tbs=None, signs_from=0)
    async with core.database.write() as tx:
        await authorities.insert(tx, row, now=1)

    async with core.database.read() as tx:
        found = await key_files(tx, tmp_path)

    assert list(found) == ([] if file is None else [tmp_path / file])
