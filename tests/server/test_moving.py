from __future__ import annotations

import tomllib

import pytest

from ca_core.errors import Misconfigured
from server.moving import with_store

URL = 'postgresql://ca@/store?host=/run/"postgresql"'


@pytest.mark.parametrize(
    "text",
    [
        'host = "a.example"\nport = 8443\n',
        'host = "a.example"\nport = 8443\n\n[store]\nurl = "sqlite:other.db"\n\n[crl]\nshards = 2\n',
        'host = "a.example"\nport = 8443\n[store]\n# where it was\nurl="sqlite:other.db" # here\n[crl]\nshards = 2',
        'host = "a.example"\nport = 8443\n[store]\n# nothing said\n[crl]\nshards = 2\n',
        'host = "a.example"\nport = 8443\n[est.labels.store]\nenforce = true\n[profiles.url]\nvalidity_seconds = 9000',
    ],
)
def test_only_the_store_changes(text: str) -> None:
    changed = with_store(text, URL)

    wanted = tomllib.loads(text)
    wanted["store"] = {"url": URL}
    assert tomllib.loads(changed) == wanted
    for line in text.splitlines():
        assert line in changed or "url" in line


@pytest.mark.parametrize(
    "text",
    [
        'host = "a.example"\nport = 8443\nstore.url = "sqlite:other.db"\n',
        'host = "a.example"\nport = 8443\nstore = { url = "sqlite:other.db" }\n',
        'host = "a.example"\nport = 8443\n["store"]\nurl = "sqlite:other.db"\n',
        'host = "a.example"\nport = 8443\n[store]\n"url" = "sqlite:other.db"\n',
    ],
)
def test_what_is_written_otherwise_is_left_to_its_author(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"soapstone\.toml") as refused:
        with_store(text, URL)

    assert "postgresql" not in str(refused.value)
