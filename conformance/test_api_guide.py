"""Every command of docs/guides/api.md, in the order in which it stands there, in one shell."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conformance.api import Desk
from conformance.clients.device import Device
from conformance.clients.guide import blocks, variables
from conformance.house import House, must

_GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "api.md"


def test_the_guide_is_followed_from_its_first_command_to_its_last(
    house: House, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = _GUIDE.read_text("utf-8")
    desk = Desk(house, tmp_path_factory.mktemp("staff"))
    held = desk.certificate("alice")
    house.command("officer", "add", "panel", "--role", "integrator")
    sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Fleet,C=TW", "--account", "meter")
    assert Device(house, tmp_path / "meter").enroll(sheet) == 200
    given = {
        "API": f"https://localhost:{house.port + 2}/api/v1",
        "TRUST": str(house.trust),
        "ALICE": f"--cert {held.certificate} --key {held.key}",
        "TOKEN": desk.token("panel"),
    }
    script = "".join(block.text for block in blocks(text).values())

    said = must("sh", "-euc", script, cwd=tmp_path, env={**os.environ, **given})

    assert variables(text) == set(given)
    assert '"role":"integrator"' in said
    assert json.loads((tmp_path / "shop.json").read_text())["sheet"]["eab"]["kid"]
    assert (tmp_path / "shop.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "meter.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert '"whole":true' in said
    assert '"reason":"keyCompromise"' in said


def test_every_operation_of_the_guide_is_one_of_the_documents() -> None:
    text = _GUIDE.read_text("utf-8")

    bare = [block for block in text.split("```sh\n")[1:] if "curl" in block.partition("```")[0]]

    assert len(bare) == len(blocks(text))
