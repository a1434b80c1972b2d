"""strace as the finger that pulls the plug: at the N-th call of one kind, by one thread of a process.

strace counts for each thread by itself, so a point names the thread too: the main one is 0, the others follow in the
order in which they were made. Only that thread is traced, and the others run at full speed.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.house import client

CALLS = ("fsync", "fdatasync", "pwrite64", "write", "rename", "ftruncate", "unlink", "sendto")
"""What changes a disk, and what tells another thread or a peer about it."""

_ENTRY = re.compile(r"(\d+) +(\w+)\(")
_LONGEST_SECONDS = 20


@dataclass(frozen=True)
class Point:
    """One place to die at.

    Attributes:
        flow: what is going on.
        thread: 0 is the main one; None in a process that is traced from its beginning: the first thread to get there.
        call: the name of the system call.
        number: the how manyeth such call of the flow, from 1.
    """

    flow: str
    thread: int | None
    call: str
    number: int

    def __str__(self) -> str:
        where = "any" if self.thread is None else self.thread
        return f"{self.flow}:{where}:{self.call}:{self.number}"

    @property
    def kill(self) -> str:
        """The injection that kills; the call itself does not happen any more."""
        return f"inject={self.call}:signal=SIGKILL:when={self.number}"

    def fault(self, error: str) -> str:
        """The injection that has this call fail, and all after it."""
        return f"inject={self.call}:error={error}:when={self.number}+"


def threads(pid: int) -> list[int]:
    """The threads of a process, in the order in which they were made."""
    numbers = int(Path("/proc/sys/kernel/pid_max").read_text())
    # Numbers are given out upwards from the process's own, and begin again at the bottom after the highest.
    return sorted(
        (int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()), key=lambda tid: (tid - pid) % numbers
    )


def from_the_beginning(injection: str, log: Path) -> list[str | Path]:
    """What to put before a command that is traced from its first call; its process stays our child."""
    calls = ",".join(CALLS)
    return [client("strace"), "-D", "-f", "-q", "-o", log, "-e", f"trace={calls}", "-e", "signal=none", "-e", injection]


COUNT_ONLY = "trace=" + ",".join(CALLS)
"""In the place of an injection: nothing happens, calls are only counted."""


@contextmanager
def attached(pid: int, injection: str, log: Path, *, thread: int | None) -> Iterator[None]:
    """Trace a running process for the length of the block, or one thread of it; counting begins now."""
    tids = [pid] if thread is None else [threads(pid)[thread]]
    follow = ["-f"] if thread is None else []
    calls = ",".join(CALLS)
    command = [str(client("strace")), *follow, "-p", str(tids[0]), "-o", str(log), "-e", f"trace={calls}"]
    tracer = subprocess.Popen([*command, "-e", "signal=none", "-e", injection], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        line = tracer.stderr.readline()
        assert "attached" in line, line
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=_LONGEST_SECONDS)


def walked(log: Path) -> list[tuple[int, str]]:
    """Which thread made which call, in order."""
    found = (_ENTRY.match(line) for line in log.read_text().splitlines())
    return [(int(entry[1]), entry[2]) for entry in found if entry]
