"""A disk that is soon full."""

from __future__ import annotations

import subprocess
from pathlib import Path

from conformance.house import run


def on_a_small_disk(folder: Path, *command: str | Path, kib: int) -> subprocess.CompletedProcess[str]:
    """Run a program to which a folder is a disk of so many KiB, which is gone with it."""
    alone = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-c")
    script = f'mount -t tmpfs -o size={kib}k none "$0" && exec "$@"'
    return run(*alone, script, folder, *command)
