"""Which CAA records count for a name: its own, or those of the nearest name above (RFC 8659, 3)."""

from __future__ import annotations

from dns.rdtypes.ANY.CAA import CAA

from protocols.acme.caa import CaaRecord
from protocols.acme.probes import CaaFound
from server.probes.policy import Unseen
from server.probes.resolving import Resolving, is_localhost

_CRITICAL = 0x80


async def relevant(resolving: Resolving, name: str) -> CaaFound:
    """Climb from a name to its top-level domain until there are records; each step follows aliases.

    Args:
        name: without the `*.` of a wildcard.
    """
    if is_localhost(name):
        return CaaFound()
    labels = name.split(".")
    for start in range(len(labels)):
        place = ".".join(labels[start:])
        try:
            records = await resolving.records(place, "CAA", f"CAA of {place}")
        except Unseen as unseen:
            return CaaFound(trouble=str(unseen))
        if found := tuple(_record(record) for record in records if isinstance(record, CAA)):
            return CaaFound(place, found)
    return CaaFound()


def _record(record: CAA) -> CaaRecord:
    # RFC 8659, 4.1.1: tags are compared without regard to case. What is no ASCII matches nothing.
    tag, value = record.tag.decode("ascii", "replace").lower(), record.value.decode("ascii", "replace")
    return CaaRecord(critical=bool(record.flags & _CRITICAL), tag=tag, value=value)
