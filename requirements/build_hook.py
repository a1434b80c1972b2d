"""Brings into a wheel what pages load, and what is made of what npm has: the style sheet, and the portal's scripts.

Where npm is missing, the wheel is made all the same: pages look plain, and the portal makes no keys.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ASSETS = Path("server/web/assets")
# The programs that bring or make them, from the top of the checkout, and what comes of it.
_BROUGHT = {
    "server/web/assets/install": ("pico.css",),
    "server/portal/script/build": ("portal.js", "keys.js"),
}


class PagesHook(BuildHookInterface[Any]):
    """Run before a wheel is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring what is missing or old; an editable wheel finds it in the checkout."""
        if version == "editable":
            return
        for program, names in _BROUGHT.items():
            subprocess.run([Path(self.root) / program], check=True)  # noqa: S603  # our own scripts
            found = [_ASSETS / name for name in names if (Path(self.root) / _ASSETS / name).exists()]
            build_data["artifacts"].extend(f"/{path}" for path in found)
