from __future__ import annotations

from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from server.settings import from_builtins
from server.sign_in_settings import read_blocklist

LEAST = {"host": "localhost", "port": 8443}


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("passwords", "memory_kib", 19_455),
        ("passwords", "memory_kib", 1 << 21),
        ("passwords", "passes", 1),
        ("sessions", "idle_minutes", 0),
        ("sessions", "longest_hours", 169),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(table: str, key: str, value: int) -> None:
    with pytest.raises(Misconfigured, match=rf"{table}\.{key} must be from"):
        from_builtins({**LEAST, table: {key: value}})


def test_what_is_set_is_kept() -> None:
    settings = from_builtins(
        {**LEAST, "passwords": {"memory_kib": 65_536, "passes": 3}, "sessions": {"idle_minutes": 5}}
    )

    assert (settings.passwords.memory_kib, settings.passwords.passes) == (65_536, 3)
    assert (settings.sessions.idle_minutes, settings.sessions.longest_hours) == (5, 8)


def test_a_blocklist_is_read_from_the_home(tmp_path: Path) -> None:
    (tmp_path / "blocked.txt").write_text("violet tractor hums 9\n", "utf-8")

    assert "Violet Tractor Hums 9" in read_blocklist("blocked.txt", tmp_path)
    assert len(read_blocklist("", tmp_path)) == 0
    with pytest.raises(Misconfigured, match="put the file there, or remove the setting"):
        read_blocklist("missing.txt", tmp_path)


@pytest.mark.parametrize("passkey", ["optional", "required"])
def test_a_passkey_is_asked_for_where_a_browser_can_keep_one(passkey: str) -> None:
    officers = {"passkey": passkey}
    named = {"host": "192.0.2.1", "port": 8443, "desk_url": "https://desk.example", "officers": officers}

    assert from_builtins({**LEAST, "officers": officers}).officers.passkey == passkey
    assert from_builtins(named).officers.passkey == passkey
    if passkey == "required":
        with pytest.raises(Misconfigured, match=r"officers\.passkey: browsers keep passkeys for names"):
            from_builtins({"host": "192.0.2.1", "port": 8443, "officers": officers})


def test_an_officer_is_asked_for_one_of_two() -> None:
    with pytest.raises(Misconfigured, match=r"officers\.passkey"):
        from_builtins({**LEAST, "officers": {"passkey": "maybe"}})
