from __future__ import annotations

from ca_core.revocation.ready_made import ReadyMade


def shelf(*, most: int = 3, most_octets: int = 100) -> ReadyMade[str, bytes]:
    return ReadyMade(len, most=most, most_octets=most_octets)


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
    filled = shelf(most_octets=10)
    filled.put("a", b"1" * 6)

    filled.put("b", b"2" * 6)

    assert filled.get("a") is None
    assert filled.get("b") == b"2" * 6


def test_what_is_put_again_counts_once() -> None:
    filled = shelf(most_octets=10)
    for _ in range(5):
        filled.put("a", b"1" * 6)

    filled.put("b", b"2" * 4)

    assert len(filled) == 2


def test_what_is_too_big_alone_is_not_kept() -> None:
    filled = shelf(most_octets=10)

    filled.put("a", b"1" * 11)

    assert len(filled) == 0


def test_what_is_stale_is_taken_out_and_makes_room() -> None:
    filled = shelf(most_octets=2)
    filled.put("a", b"1")
    filled.put("b", b"2")

    filled.drop(lambda value: value == b"1")

    filled.put("c", b"3")
    assert [filled.get(key) for key in "abc"] == [None, b"2", b"3"]


def test_an_empty_shelf_has_room_for_everything() -> None:
    filled = shelf(most_octets=1)
    filled.put("a", b"1")

    filled.clear()

    filled.put("b", b"2")
    assert [filled.get(key) for key in "ab"] == [None, b"2"]
