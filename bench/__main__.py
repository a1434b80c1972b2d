"""All benchmarks, one after the other, and all their findings in one table (`make bench`); 1 when a gate was missed."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import msgspec

from bench import chart, report, table
from bench.report import Part

PARTS: dict[str, tuple[str, ...]] = {
    "acme": (),
    "workers": (),
    "est": (),
    "status": ("--seconds", "3"),
    "crl": (),
    "scale": (),
    "soak": (),
    "crowd": (),
    "guesses": (),
    "fleet": ("--devices", "500"),
    "journal": ("--rows", "300000"),
    "desk": (),
}
"""What is measured, those first on which the most depends; shorter where alone it takes more time than it tells."""

BRIEFLY: dict[str, tuple[str, ...]] = {
    "acme": ("--runs", "1", "--seconds", "0.5"),
    "workers": ("--runs", "1", "--seconds", "0.5"),
    "est": ("--runs", "1", "--seconds", "0.5"),
    "status": ("--runs", "1", "--seconds", "1"),
    "crl": ("--entries", "20000"),
    "scale": ("--runs", "1", "--seconds", "0.5", "--certificates", "20000"),
    "soak": ("--certificates", "1000"),
    "crowd": ("--runs", "1", "--seconds", "1"),
    "guesses": ("--runs", "1", "--seconds", "1"),
    "fleet": ("--devices", "50"),
    "journal": ("--rows", "50000"),
    "desk": ("--runs", "1", "--pages", "10", "--sizes", "10", "1000"),
}
"""The same, only to see that everything runs: its figures say nothing."""


def main() -> None:
    """Measure, print, and end with 1 when one of them did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--briefly", action="store_true", help="see that everything runs; the figures say nothing")
    is_brief = parser.parse_args().briefly
    wanted = BRIEFLY if is_brief else PARTS
    for old in report.RESULTS.glob("*.json"):
        old.unlink()
    failed = []
    for name, options in wanted.items():
        start = time.perf_counter()
        print(f"\n-- make bench-{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False).returncode:
            failed.append(name)
        print(f"-- {time.perf_counter() - start:.0f} s", flush=True)
    found = sorted(report.RESULTS.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    parts = [msgspec.json.decode(path.read_bytes(), type=Part) for path in found]
    print("\n-- all of it", flush=True)
    for part in parts:
        report.show(part)
    print("\n-- gates and goals", flush=True)
    report.show_goals([goal for part in parts for goal in part.goals])
    (report.RESULTS / "table.md").write_text(table.markdown(parts), "utf-8")
    print(f"as Markdown: {report.RESULTS / 'table.md'}")
    if not is_brief:
        chart.main()
    if failed:
        print(f"missed a gate, or broke: {', '.join(failed)}", file=sys.stderr)
    sys.exit(int(bool(failed)))


if __name__ == "__main__":
    main()
