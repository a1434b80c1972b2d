from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.softhsm import SoftToken


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    """A token that this process sees: the library reads where it is whenever it is initialized."""
    made = SoftToken(tmp_path / "softhsm")
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.configuration))
    return made
