"""Cycles are looked for less often, and found."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc, weakref
from server import garbage

class Request:
    pass

libraries = [object() for _ in range(10)]
garbage.look_seldom()
request = Request()
request.itself = request
seen = weakref.ref(request)
del request
while seen() is not None and len(libraries) < 10_000_000:
    libraries.append([])
print(gc.get_freeze_count() > len(libraries[:10]), seen() is None)
"""


def test_what_was_loaded_is_left_alone_and_a_cycle_that_a_request_leaves_is_collected() -> None:
    # In a process of its own: of this one all that waits to be collected would be kept for good.
    said = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, stdout=subprocess.PIPE, text=True).stdout

    assert said.split() == ["True", "True"]
