"""Registering many at once, out of a file."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ca_core.registration.account import MAIN
from ca_core.registration.bulk import MOST_LINES, BulkRegistration
from ca_core.registration.line import Became, FirstSeen, Import, Line, Outcome
from server.cli.import_file import ImportFile
from server.cli.import_paper import PER_DOCUMENT, Paper, unprintable
from server.cli.import_results import ResultFile, require_new
from server.cli.shared import echo_json, in_office, json_option, operator
from server.office import Office


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Name every bad line, and change nothing.")
@click.option("--only-good", is_flag=True, help="Import the good lines; else a bad one stands against all.")
@click.option("--result", type=click.Path(path_type=Path), metavar="FILE", help="A new .jsonl or .csv: sheet by sheet.")
@click.option("--pdf", type=click.Path(path_type=Path), metavar="FOLDER", help="Secrets on paper, not in the result.")
@click.option("--realm", default=MAIN, show_default=True, help="The registration authority that they belong to.")
@json_option
@click.pass_obj
def import_(
    home: Path,
    file: Path,
    result: Path | None,
    pdf: Path | None,
    realm: str,
    *,
    dry_run: bool,
    only_good: bool,
    as_json: bool,
) -> None:
    """Register every line of FILE.csv or FILE.jsonl.

    A run that was cut off is taken up by the same command: what is registered is not registered again.
    """
    if result is None and not dry_run:
        raise click.UsageError("name a file for the sheets, --result FILE.jsonl or .csv; or say --dry-run first")
    wanted = _Wanted(ImportFile(file), None if dry_run else result, pdf, realm, only_good=only_good)
    summary = in_office(home, lambda office: _import(office, wanted))
    if as_json:
        echo_json(summary)
    else:
        _print(summary)
    if summary.bad and not (only_good and summary.result):
        lines = len({one.line for one in summary.bad})
        hint = "" if dry_run else "; mend them, or say --only-good"
        raise click.ClickException(f"{lines} of {summary.lines} lines are bad, and nothing was imported{hint}")


class _Wanted(msgspec.Struct, frozen=True):
    """What was asked for; no result means a dry run."""

    file: ImportFile
    result: Path | None
    pdf: Path | None
    realm: str
    only_good: bool


class _Bad(msgspec.Struct, frozen=True):
    """One fault of a line."""

    line: int
    field: str
    why: str


class _Summary(msgspec.Struct, frozen=True):
    """What came of it; `result` is null where nothing was imported."""

    lines: int
    registered: int
    waiting: int
    new_sheets: int
    done: int
    bad: list[_Bad]
    result: str | None


async def _import(office: Office, wanted: _Wanted) -> _Summary:
    if wanted.result is not None:
        require_new(wanted.result)
    key = wanted.file.digest()
    bad, lines = await _look(office, wanted, key)
    became: Counter[Became] = Counter()
    is_imported = wanted.result is not None and (wanted.only_good or not bad)
    if wanted.result is not None and is_imported:
        became = await _register(office, wanted, key, wanted.result, bad)
    return _Summary(
        lines=lines,
        registered=became[Became.REGISTERED],
        waiting=became[Became.WAITS],
        new_sheets=became[Became.NEW_SHEET],
        done=became[Became.DONE],
        bad=[_Bad(line.number, *fault) for line in bad.values() for fault in line.faults],
        result=str(wanted.result) if is_imported else None,
    )


async def _look(office: Office, wanted: _Wanted, key: str) -> tuple[dict[int, Line], int]:
    """The bad lines by their numbers, and how many lines there are in all; nothing is changed."""
    actor, seen, bad, lines = operator(), FirstSeen(), dict[int, Line](), 0
    earlier = await office.imports.find(key, actor=actor, realm=wanted.realm)
    for batch in _batches(wanted.file, "looking"):
        lines += len(batch)
        judged = [line.with_faults(unprintable(line)) for line in batch] if wanted.pdf else batch
        bad |= {line.number: line for line in await office.imports.look(judged, seen, actor=actor, earlier=earlier)}
    return bad, lines


async def _register(office: Office, wanted: _Wanted, key: str, result: Path, bad: dict[int, Line]) -> Counter[Became]:
    actor, became = operator(), Counter[Became]()
    paper = Paper(wanted.pdf, key, office.places, office.clock) if wanted.pdf else None
    written = ResultFile(result, key, office.places)
    try:
        one = await office.imports.begin(key, actor=actor, realm=wanted.realm)
        handing = _HandingOver(office.imports, one, written, paper)
        try:
            for batch in _batches(wanted.file, "registering"):
                good = [line for line in batch if line.number not in bad]
                done = {
                    outcome.line.number: outcome
                    for outcome in await office.imports.import_lines(good, one, actor=actor)
                }
                outcomes = [done.get(line.number) or Outcome(bad[line.number], Became.BAD) for line in batch]
                for outcome in done.values():
                    # What somebody else has registered since it was looked at.
                    if outcome.became is Became.BAD:
                        bad[outcome.line.number] = outcome.line
                became.update(outcome.became for outcome in outcomes)
                await handing.put(outcomes)
        finally:
            # Whatever has ended the run: what is registered is handed over.
            await handing.finish()
        await office.imports.end(one, became, actor=actor)
        written.finish()
    finally:
        written.close()
    return became


class _HandingOver:
    """Puts sheets where they stay while the next ones are registered, and then says so."""

    def __init__(self, bulk: BulkRegistration, one: Import, result: ResultFile, paper: Paper | None) -> None:
        self._bulk = bulk
        self._one = one
        self._result = result
        self._paper = paper
        self._pending: list[Outcome] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, outcomes: list[Outcome]) -> None:
        """Take a batch; what fails is told by a later call."""
        self._pending += outcomes
        if self._paper is None or sum(outcome.sheet is not None for outcome in self._pending) >= PER_DOCUMENT:
            await self._begin()

    async def finish(self) -> None:
        """Wait until all of it is done."""
        await self._begin()
        await self._wait()

    async def _begin(self) -> None:
        await self._wait()
        pending, self._pending = self._pending, []
        if pending:
            self._task = asyncio.create_task(self._hand_over(pending))

    async def _wait(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            await task

    async def _hand_over(self, outcomes: list[Outcome]) -> None:
        printed = await self._paper.print(outcomes) if self._paper else {}
        self._result.write(outcomes, printed)
        await self._bulk.hand_over(self._one, outcomes)


def _batches(file: ImportFile, label: str) -> Iterator[list[Line]]:
    """The lines of a file, with a bar where somebody sees it."""
    if not sys.stderr.isatty():
        for batch, _ in file.batches(MOST_LINES):
            yield batch
        return
    with click.progressbar(length=file.octets, label=label, file=sys.stderr) as bar:
        reached = 0
        for batch, octets in file.batches(MOST_LINES):
            yield batch
            bar.update(octets - reached)
            reached = octets


def _print(summary: _Summary) -> None:
    for one in summary.bad:
        click.echo(f"line {one.line}: {one.field}: {one.why}")
    if summary.result is None:
        if not summary.bad:
            click.echo(f"{summary.lines} lines are good; nothing was changed")
        return
    click.echo(f"{summary.registered} registered; what became of each line is in {summary.result}")
    if summary.new_sheets:
        click.echo(f"{summary.new_sheets} had been registered, and got a new sheet, which voids the one before")
    if summary.done:
        click.echo(f"{summary.done} were done by an earlier run")
    if summary.waiting:
        click.echo(f"{summary.waiting} wait for other officers; see: soapstone requests")
    if summary.bad:
        click.echo(f"{len({one.line for one in summary.bad})} are bad and were left out")
