from __future__ import annotations

from pathlib import Path

import pytest

from ca_core.clock import OFFSET_FILE_VARIABLE, SystemClock, rfc3339


@pytest.fixture
def offset_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(OFFSET_FILE_VARIABLE, str(tmp_path / "offset"))
    return tmp_path / "offset"


def test_a_development_clock_moves_while_it_is_running(offset_file: Path) -> None:
    clock, real = SystemClock(development=True), SystemClock()

    offset_file.write_text("1000000\n")
    moved = clock.now() - real.now()
    offset_file.write_text("-5")

    assert 999_999 <= moved <= 1_000_000
    assert clock.now() < real.now()


def test_a_production_clock_cannot_be_moved(offset_file: Path) -> None:
    offset_file.write_text("1000000")

    assert SystemClock().now() - SystemClock(development=True).now() < -900_000


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_an_offset_that_is_no_number_moves_nothing(offset_file: Path, content: str) -> None:
    offset_file.write_text(content)

    assert abs(SystemClock(development=True).now() - SystemClock().now()) <= 1


def test_times_are_written_as_rfc_3339_has_them() -> None:
    assert rfc3339(1_800_000_000) == "2027-01-15T08:00:00Z"
