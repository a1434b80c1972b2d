"""Print the table of clauses; with `--unit-tests`, the tests outside of `conformance/` that the clauses name."""

from __future__ import annotations

import sys

from conformance.clauses import MUSTS, SHOULDS, Standard, missing_tests, standards

_HEAD = ("", "clauses", "MUST", "SHOULD", "tested", "not applicable", "missing")


def main() -> int:
    if "--unit-tests" in sys.argv[1:]:
        named = {test for standard in standards() for clause in standard.clause for test in clause.tests}
        sys.stdout.writelines(f"{test}\n" for test in sorted(named) if not test.startswith("conformance/"))
        return 0
    rows = [_row(standard) for standard in standards()]
    widths = [max(len(str(row[column])) for row in [_HEAD, *rows]) for column in range(len(_HEAD))]
    for row in [_HEAD, *rows]:
        first, *others = (str(cell) for cell in row)
        columns = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        sys.stdout.write("  ".join([first.ljust(widths[0]), *columns]) + "\n")
    return 1 if any(row[-1] for row in rows) else 0


def _row(standard: Standard) -> tuple[str, int, int, int, int, int, int]:
    clauses = standard.clause
    missing = [clause for clause in clauses if missing_tests(clause) or not (clause.tests or clause.not_applicable)]
    return (
        f"RFC {standard.rfc}" + ("" if standard.complete else " (in part)"),
        len(clauses),
        sum(clause.level in MUSTS for clause in clauses),
        sum(clause.level in SHOULDS for clause in clauses),
        sum(bool(clause.tests) and clause not in missing for clause in clauses),
        sum(bool(clause.not_applicable) for clause in clauses),
        len(missing),
    )


if __name__ == "__main__":
    raise SystemExit(main())
