"""Homes as `init` has just left them, each kept to be copied for the next test that wants one made in the same way.

Certificates name the ports of the server that they are made for, so a copy is lent together with its ports, and to one
house at a time: homes that live beside each other have other ports, other CAs and other secrets, as ever.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

_free: dict[tuple[str, ...], list[Kept]] = defaultdict(list)


class Kept(NamedTuple):
    """A home that was never served, and the first of its ports."""

    folder: Path
    port: int
    http_01_port: int


def keep(home: Path, port: int, http_01_port: int) -> Kept:
    """Copy a home that is just made; whoever made it has it until `give_back`."""
    folder = Path(tempfile.mkdtemp(dir=_shelf())) / "home"
    shutil.copytree(home, folder)
    return Kept(folder, port, http_01_port)


def borrow(wanted: tuple[str, ...]) -> Kept | None:
    """One that was made as `wanted` says, and that nobody has now."""
    return _free[wanted].pop() if _free[wanted] else None


def give_back(wanted: tuple[str, ...], kept: Kept) -> None:
    """Let others have it: its server runs no more."""
    _free[wanted].append(kept)


@cache
def _shelf() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="soapstone-homes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
