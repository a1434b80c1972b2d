"""Brings into a wheel what pages load from npm.

Where npm is missing, the wheel is made all the same, and pages look plain.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ASSETS = Path("server/web/assets")
_STYLE = "pico.css"


class PagesHook(BuildHookInterface[Any]):
    """Run before a wheel is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the style sheet; an editable wheel finds it in the checkout."""
        if version == "editable":
            return
        place = Path(self.root) / _ASSETS
        subprocess.run([place / "install"], check=True)  # noqa: S603  # our own script
        if (place / _STYLE).exists():
            build_data["artifacts"].append(f"/{_ASSETS / _STYLE}")
