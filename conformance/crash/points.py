"""Which points are taken, out of all that there are: always the same ones, spread over flows, threads and calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from conformance.crash.strace import Point

Counts = Mapping[tuple[int | None, str], int]


def chosen(counts: Mapping[str, Counts], shares: Mapping[str, int], total: int) -> list[Point]:
    """Choose points for each flow by its share, as many as wanted in all, and no point twice.

    Args:
        counts: for each flow, how often which thread makes which call.
        shares: for each flow, its weight; what a small flow leaves over goes to the others in turn.
    """
    streams = {flow: _spread(flow, counts[flow]) for flow in shares}
    whole = sum(shares.values())
    taken: list[Point] = []
    for flow, share in shares.items():
        taken += [point for _, point in zip(range(total * share // whole), streams[flow], strict=False)]
    while len(taken) < total:
        more = [point for stream in streams.values() if (point := next(stream, None)) is not None]
        assert more, f"there are {len(taken)} points only"
        taken += more[: total - len(taken)]
    return taken


def _spread(flow: str, counts: Counts) -> Iterator[Point]:
    """All points of a flow, each kind of call in turn, and each kind from its middle to ever finer parts."""
    kinds = [map(partial(Point, flow, thread, call), _halves(most)) for (thread, call), most in _ordered(counts)]
    while kinds:
        for kind in list(kinds):
            point = next(kind, None)
            if point is None:
                kinds.remove(kind)
            else:
                yield point


def _ordered(counts: Counts) -> list[tuple[tuple[int | None, str], int]]:
    return sorted(counts.items(), key=lambda item: (item[0][1], -1 if item[0][0] is None else item[0][0]))


def _halves(most: int) -> Iterator[int]:
    """Every number from 1 to `most` once: the middle, the first one, the quarters, the eighths, and so on.

    The last ones come last: how much goes on in the background differs a little from walk to walk.
    """
    seen: set[int] = set()
    for number in (1 + most // 2, 1):
        if number <= most and number not in seen:
            seen.add(number)
            yield number
    width = 2
    while len(seen) < most:
        width *= 2
        for odd in range(1, width, 2):
            number = 1 + odd * most // width
            if number not in seen:
                seen.add(number)
                yield number
