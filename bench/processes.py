"""What processes cost, read from /proc: CPU time and memory of a server with all that it has started."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_MILLISECONDS_PER_TICK = 1_000 / os.sysconf("SC_CLK_TCK")
_PARENT, _TIMES = 1, slice(11, 15)


def tree(roots: Iterable[int]) -> set[int]:
    """Processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for pid, fields in _every():
        children.setdefault(int(fields[_PARENT]), []).append(pid)
    found: set[int] = set()
    left = list(roots)
    while left:
        pid = left.pop()
        found.add(pid)
        left += children.get(pid, [])
    return found


def cpu(*roots: int) -> float:
    """Milliseconds of CPU that processes and their descendants have used, ended ones included that were waited for."""
    wanted = tree(roots)
    return sum(sum(map(int, fields[_TIMES])) for pid, fields in _every() if pid in wanted) * _MILLISECONDS_PER_TICK


def peak(*roots: int) -> float:
    """The most memory that any one process of these trees ever held, in megabytes."""
    return max(map(_peak_of, tree(roots)))


def _every() -> Iterable[tuple[int, list[str]]]:
    """All processes that there are, with what `/proc/PID/stat` says after their names."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text("utf-8", "replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            yield int(entry.name), text.rpartition(")")[2].split()


def _peak_of(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
