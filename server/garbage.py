"""Looking for cycles: seldom, and not through the libraries, which stay until the end."""

from __future__ import annotations

import gc

LOADED_SECONDS = 5
"""How long after the doors have opened everything is loaded that is needed at all."""

_YOUNG = 1
# A request leaves few cycles, and holds a thousand objects while it is answered: Python would look through them after
# every 700, again and again while the same requests wait for their signatures.
_OBJECTS = 20_000
_TIMES = 20


def look_seldom() -> None:
    """Leave what is there now alone for good, and look for cycles in what comes after it, less often."""
    # What is young may be garbage; that costs little, where all of it would keep everybody waiting.
    gc.collect(_YOUNG)
    gc.freeze()
    gc.set_threshold(_OBJECTS, _TIMES, _TIMES)
