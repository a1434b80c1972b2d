"""Packages that another one imports, and that hardly anybody asks for anything."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType


def put_off(name: str) -> None:
    """Load a package when something of it is asked for, and not because another one imports it.

    The library's `LazyLoader` does not do: before Python 3.12 an import statement asks for something itself.

    Args:
        name: a package's; one that is loaded already stays as it is.
    """
    if name in sys.modules:
        return
    stand_in = ModuleType(name)

    def load(attribute: str) -> object:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(import_module(name), attribute)

    stand_in.__dict__["__getattr__"] = load
    sys.modules[name] = stand_in
