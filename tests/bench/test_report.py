"""What a benchmark says: the middle of its runs, and whether a promise was kept."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from bench import chart, report, table
from bench.report import Goal, Part, Run


def runs(*rates: float) -> list[Run]:
    return [Run(rate, p50=1, p99=2, cpu=1_000 / rate, own=0.5, posts=4) for rate in rates]


def test_a_row_is_the_least_the_median_and_the_most_of_its_runs() -> None:
    row = report.together("soapstone", runs(10, 40, 20), unit="certificates/s")

    assert (row.rate.least, row.rate.median, row.rate.most) == (10, 20, 40)
    assert (row.cpu.least, row.cpu.median, row.cpu.most) == (25, 50, 100)


@pytest.mark.parametrize(
    ("seen", "is_ceiling", "verdict"),
    [(0.5, False, "MISSED"), (0.6, False, "gate"), (1.0, False, "goal"), (1.1, True, "MISSED"), (0.5, True, "goal")],
)
def test_a_goal_beyond_its_gate_is_hoped_for(seen: float, verdict: str, *, is_ceiling: bool) -> None:
    marks = (1.0, 0.6) if is_ceiling else (0.6, 1.0)

    assert Goal("CPU", seen, *marks, is_ceiling=is_ceiling).verdict == verdict


def test_what_has_no_gate_is_never_missed() -> None:
    assert Goal("p99", 100, None, 20, "ms", is_ceiling=True).verdict == "short"


def test_a_missed_gate_ends_a_benchmark_with_one_and_leaves_its_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    row = report.together("soapstone", runs(10, 20), unit="certificates/s")

    with pytest.raises(SystemExit) as ended:
        report.finish("acme", [row], [Goal("issuances/s", 2, 25, 40, "x")], {"lanes": 32})

    kept = msgspec.json.decode((tmp_path / "results" / "acme.json").read_bytes(), type=Part)
    assert ended.value.code == 1
    assert kept.rows == [row]
    assert kept.facts == {"lanes": 32}


def test_the_tables_and_the_chart_show_every_row() -> None:
    names = ("soapstone, RSA-2048, SQLite, 32 at a time", "Pebble, RSA-2048, memory, 32 at a time")
    rows = [report.together(name, runs(10, 30), unit="certificates/s", peak=100) for name in names]
    part = Part("acme", "make bench-acme", "a machine <of two cores>", 0.1, rows, [Goal("rate", 30, 25, 40, "x")])

    text, image = table.markdown([part]), chart.drawn(rows, part.machine)

    assert all(name in text for name in names)
    assert "| rate | `make bench-acme` | 30.00 x | 25 | 40 | gate |" in text
    assert ET.fromstring(image).tag.endswith("svg")  # noqa: S314  # it is ours
    assert image.count("<rect x=") == 2 * len(rows)
