"""Which points are taken, out of all that there are: always the same ones, spread over flows, threads and calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise, zip_longest

from conformance.crash.strace import Point

_COMMITS = frozenset({"fsync", "fdatasync", "rename"})


def chosen(walks: Mapping[str, Sequence[Point]], shares: Mapping[str, int], total: int) -> list[Point]:
    """Choose points for each flow by its share, as many as wanted in all, and no point twice.

    Args:
        walks: for each flow, every point that it passes, in order.
        shares: for each flow, its weight; what a small flow leaves over goes to the others in turn.
    """
    streams = {flow: _spread(walks[flow]) for flow in shares}
    whole = sum(shares.values())
    taken: list[Point] = []
    for flow, share in shares.items():
        taken += [point for _, point in zip(range(total * share // whole), streams[flow], strict=False)]
    while len(taken) < total:
        more = [point for stream in streams.values() if (point := next(stream, None)) is not None]
        assert more, f"there are {len(taken)} points only"
        taken += more[: total - len(taken)]
    return taken


def _spread(walk: Sequence[Point]) -> Iterator[Point]:
    """All points of a walk once: two beside a commit, one from each kind of call in turn, and so on."""
    before, after = _beside_commits(walk)
    kinds = [_from_the_middle(kind) for kind in _by_kind(walk)]
    seen: set[Point] = set()
    for point in _in_turn([_from_the_middle(before), _from_the_middle(after), _in_turn(kinds)]):
        if point not in seen:
            seen.add(point)
            yield point


def _beside_commits(walk: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """What a thread does right before it makes something durable, and right after, when nobody was told yet.

    Before: everything is written but the last page, so the change is lost. After: it is there to stay.
    """
    by_thread: dict[int | None, list[Point]] = defaultdict(list)
    for point in walk:
        by_thread[point.thread].append(point)
    before, after = [], []
    for points in by_thread.values():
        for earlier, later in pairwise(points):
            if later.call in _COMMITS:
                before.append(earlier)
            if earlier.call in _COMMITS:
                after.append(later)
    return before, after


def _by_kind(walk: Sequence[Point]) -> list[list[Point]]:
    kinds: dict[tuple[str, int | None], list[Point]] = defaultdict(list)
    for point in walk:
        kinds[point.call, point.thread].append(point)
    return list(kinds.values())


def _in_turn(streams: Iterable[Iterable[Point]]) -> Iterator[Point]:
    """One of each, then the next one of each, until all are empty."""
    return (point for point in chain.from_iterable(zip_longest(*streams)) if point is not None)


def _from_the_middle(points: Sequence[Point]) -> Iterator[Point]:
    """The middle one, the first one, the quarters, the eighths, and so on.

    The last ones come last: how much goes on in the background differs a little from walk to walk.
    """
    places = dict.fromkeys((len(points) // 2, 0)) if points else {}
    width = 2
    while len(places) < len(points):
        width *= 2
        places |= dict.fromkeys(odd * len(points) // width for odd in range(1, width, 2))
    return (points[place] for place in places)
