from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

from ca_core.revocation.ready_made import ReadyMade


class Scale:
    """Weighs values, and remembers which it was given."""

    def __init__(self) -> None:
        self.weighed: list[bytes] = []

    def __call__(self, value: bytes) -> int:
        self.weighed.append(value)
        return len(value)


class Held:
    """Something that can be pointed to weakly."""


def letters(value: bytes) -> list[bytes]:
    """What a value is about: each of its octets."""
    return [value[place : place + 1] for place in range(len(value))]


def shelf(
    *, most: int = 3, most_octets: int = 100, most_alike: int = 100, weigh: Callable[[bytes], int] = len
) -> ReadyMade[str, bytes]:
    return ReadyMade(weigh, letters, most=most, most_octets=most_octets, most_alike=most_alike)


def test_what_was_put_there_is_found_and_nothing_else() -> None:
    filled = shelf()
    filled.put("a", b"1")

    assert filled.get("a") == b"1"
    assert filled.get("b") is None


def test_the_longest_unused_gives_way() -> None:
    filled = shelf()
    for key in "abc":
        filled.put(key, b"1")
    filled.get("a")

    filled.put("d", b"1")

    assert [filled.get(key) for key in "abcd"] == [b"1", None, b"1", b"1"]


def test_the_octets_are_bounded_too() -> None:
    filled = shelf(most_octets=12)
    filled.put("a", b"1" * 6)

    filled.put("b", b"2" * 6)

    assert filled.get("a") is None
    assert filled.get("b") == b"2" * 6


def test_keys_weigh_too() -> None:
    filled = shelf(most=1000, most_octets=100)

    for number in range(50):
        filled.put(f"{number:030}", b"1")

    assert len(filled) == 3
    assert filled.octets == 3 * 31


def test_what_is_put_again_counts_once() -> None:
    filled = shelf(most_octets=12)
    for _ in range(5):
        filled.put("a", b"1" * 6)

    filled.put("b", b"2" * 4)

    assert len(filled) == 2


def test_what_is_too_big_alone_is_not_kept() -> None:
    filled = shelf(most_octets=10)

    filled.put("a", b"1" * 10)

    assert len(filled) == filled.octets == 0


def test_of_what_is_about_the_same_the_first_gives_way() -> None:
    filled = shelf(most=100, most_alike=2)
    filled.put("other", b"9")

    for key in "abc":
        filled.put(key, b"12")

    assert [filled.get(key) for key in ("other", "a", "b", "c")] == [b"9", None, b"12", b"12"]


def test_what_is_about_something_that_changed_is_taken_out_and_makes_room() -> None:
    filled = shelf(most_octets=6)
    filled.put("a", b"13")
    filled.put("b", b"2")

    filled.drop([b"1", b"3", b"5"])

    filled.put("c", b"3")
    assert [filled.get(key) for key in "abc"] == [None, b"2", b"3"]


def test_a_change_touches_nothing_else() -> None:
    scale = Scale()
    filled = shelf(most=10_000, most_octets=1 << 20, most_alike=10_000, weigh=scale)
    for number in range(5000):
        filled.put(f"a{number}", b"1")
    filled.put("b", b"23")
    scale.weighed.clear()

    filled.drop([b"2"])

    assert scale.weighed == [b"23"]
    assert len(filled) == 5000


def test_an_empty_shelf_has_room_for_everything() -> None:
    filled = shelf(most_octets=2)
    filled.put("a", b"1")

    filled.clear()

    filled.put("b", b"2")
    assert [filled.get(key) for key in "ab"] == [None, b"2"]
    filled.drop([b"1"])
    assert filled.octets == 2


def test_what_was_cleared_is_freed_bit_by_bit() -> None:
    filled: ReadyMade[str, Held] = ReadyMade(lambda _: 1, lambda _: (), most=100, most_octets=1000, most_alike=1)
    values = [Held() for _ in range(40)]
    alive = WeakSet(values)
    while values:
        filled.put(str(len(values)), values.pop())

    filled.clear()

    counts = [len(alive)]
    for number in range(3):
        filled.put(str(number), Held())
        counts.append(len(alive))
    assert counts == [40, 24, 8, 0]
