"""`strongroom scan`: judge model files and folders without loading anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from strongroom.assess.scanner import exports
from strongroom.assess.scanner.many import scan_many
from strongroom.assess.scanner.report import FileReport, Hazard, Rating, printable
from strongroom.assess.scanner.stream import Limits
from strongroom.assess.scanner.walk import files_under
from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import people, write_json
from strongroom.cli.scan_surroundings import Kind, checked_mirror, surrounded, with_datasets

app = typer.Typer(add_completion=False)
STYLE = {
    Rating.CLEAN: "green",
    Rating.REVIEW: "yellow",
    Rating.UNKNOWN: "magenta",
    Rating.BLOCK: "bold red",
}
SHOWN = 10
"""Hazards shown for one file."""


class Output(StrEnum):
    """How `scan` prints its result."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITLAB = "gitlab"


class FailOn(StrEnum):
    """From which verdict on the exit code is 1."""

    BLOCK = "block"
    REVIEW = "review"


@app.command()
def scan(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Files, and folders with all below them."),
    ],
    form: Annotated[
        Output, typer.Option("--format", help="What is printed on stdout.")
    ] = Output.TEXT,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The mildest verdict that exits 1.")
    ] = FailOn.BLOCK,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Files at a time; as many as cores.")
    ] = None,
    time_limit: Annotated[
        float, typer.Option("--time-limit", min=1, metavar="SECONDS", help="For each file.")
    ] = Limits().seconds,
    advisories: Annotated[
        Path | None,
        typer.Option("--advisories", metavar="MIRROR", help="Hold lists of packages against it."),
    ] = None,
    max_age: Annotated[
        float, typer.Option("--max-age", min=0, metavar="DAYS", help="Older mirrors are refused.")
    ] = 7.0,
    licences: Annotated[
        Path | None,
        typer.Option("--licences", metavar="FILE", help="Licences that packages may have."),
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--as", help="data: judge every file as a data set.")
    ] = Kind.AUTO,
    label: Annotated[
        str | None, typer.Option("--label", metavar="COLUMN", help="Of data sets: their labels.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option("--like", metavar="FILE", help="A data set to compare with.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Read models, and what surrounds them, as data. Nothing is loaded or run.

    Exit 0 nothing found, 1 something to block (or to review, with --fail-on review), 2 something
    could not be judged, or nothing was looked at.
    """
    started = datetime.now(UTC)
    files = list(files_under(paths))
    mirror = None if advisories is None else checked_mirror(advisories, home, max_age, started)
    reports = _scan(files, jobs or os.cpu_count() or 1, Limits(seconds=time_limit))
    reports = with_datasets(reports, kind, label, like)
    reports = surrounded(reports, mirror, licences)
    _print(reports, form, started)
    raise typer.Exit(exit_code(reports, fail_on))


def exit_code(reports: Sequence[FileReport], fail_on: FailOn) -> int:
    """1 for what was found, else 2 where something could not be told, else 0."""
    verdicts = {report.verdict for report in reports}
    found = {Rating.BLOCK} | ({Rating.REVIEW} if fail_on is FailOn.REVIEW else set())
    if verdicts & found:
        return 1
    return 2 if not reports or Rating.UNKNOWN in verdicts else 0


def _scan(files: Sequence[Path], jobs: int, limits: Limits) -> list[FileReport]:
    columns = (TextColumn("scanning"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=people, transient=True, disable=not people.is_terminal) as bar:
        task = bar.add_task("scan", total=len(files))
        return scan_many(files, jobs=jobs, limits=limits, done=lambda _report: bar.advance(task))


def _print(reports: Sequence[FileReport], form: Output, started: datetime) -> None:
    if form is Output.TEXT:
        _show(reports)
    elif form is Output.JSON:
        write_json(exports.document(reports))
    else:
        data = {
            Output.SARIF: lambda: exports.sarif(reports),
            Output.JUNIT: lambda: exports.junit(reports),
            Output.GITLAB: lambda: exports.gitlab(
                reports, started=started, ended=datetime.now(UTC)
            ),
        }[form]()
        sys.stdout.write(data.decode() + "\n")


def _show(reports: Sequence[FileReport]) -> None:
    out = Console(highlight=False)
    for report in reports:
        verdict = (f"{report.verdict.value:8}", STYLE[report.verdict])
        line = Text.assemble(
            verdict, (printable(str(report.path)), "bold"), (f"  {report.format}", "dim")
        )
        out.print(line, soft_wrap=True)
        said = [h for h in report.findings if h.rating is not Rating.CLEAN]
        for hazard in said[:SHOWN]:
            _show_hazard(out, hazard)
        if len(said) > SHOWN:
            out.print(Text(f"         … and {len(said) - SHOWN} more", style="dim"))
    totals = exports.document(reports)["totals"]
    counts = ", ".join(f"{totals[rating.value]} {rating.value}" for rating in reversed(Rating))
    people.print(Text(f"{totals['files']} files: {counts}"))
    if not reports:
        people.print(Text("nothing was looked at", style="magenta"))


def _show_hazard(out: Console, hazard: Hazard) -> None:
    place = hazard.member + ("" if hazard.offset is None else f"@{hazard.offset}")
    text = Text.assemble("         ", (hazard.message, STYLE[hazard.rating]))
    out.print(text, soft_wrap=True)
    if hazard.call:
        out.print(Text(f"           {hazard.call}"), soft_wrap=True)
    notes = [n for n in (hazard.rule, place, *hazard.references) if n]
    out.print(Text("           " + " · ".join(notes), style="dim"), soft_wrap=True)
    if hazard.fix:
        out.print(Text(f"           try: {hazard.fix}"), soft_wrap=True)
