"""Homes are made once and copied: nobody may notice, but for the time it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import stores
from conformance.house import House

pytestmark = pytest.mark.in_a_file


def made(folder: Path) -> House:
    folder.mkdir()
    return House(folder, "profiles.device.validity_seconds=4321", store=stores.IN_A_FILE)


def test_what_one_house_has_seen_is_in_no_other(tmp_path: Path) -> None:
    first = made(tmp_path / "first")
    trusted = first.trust.read_bytes()
    first.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    first.close()

    copied, beside = made(tmp_path / "copied"), made(tmp_path / "beside")

    assert (copied.port, copied.trust.read_bytes()) == (first.port, trusted)
    assert copied.command("registrations", "--json").strip() == "[]"
    assert beside.port != copied.port
    assert beside.trust.read_bytes() != trusted
    copied.start()
    copied.close()
    beside.close()
