"""`strongroom diff A B`: what changed between two versions, in words."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import Format, FormatOption, write_json
from strongroom.domain.canonical import plain
from strongroom.home.home import Home
from strongroom.report.changes import Change, Facts, compare
from strongroom.report.facts import facts_of

app = typer.Typer(add_completion=False)


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="A folder, SYSTEM@STAGE, or a version's digest.")],
    b: Annotated[str, typer.Argument(help="What it is compared with.")],
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Say what changed from A to B: artifacts, schema, packages, figures, requirements, approvals.

    Exit 0 when it could tell, changed or not; 2 when it could not.
    """
    before, after = _both(home, a, b)
    changes = compare(before, after)
    if form is Format.JSON:
        write_json({"a": a, "b": b, "same": not changes, "changes": [plain(c) for c in changes]})
    else:
        sys.stdout.write(words(a, b, changes))


def words(a: str, b: str, changes: tuple[Change, ...]) -> str:
    """The changes for people, by area."""
    if not changes:
        return f"{a} and {b} are the same.\n"
    lines = [f"From {a} to {b}:"]
    for area, found in groupby(changes, key=lambda c: c.area):
        lines += [f"\n{area}", *(f"  {change}" for change in found)]
    return "\n".join(lines) + "\n"


def _both(home: Path, a: str, b: str) -> tuple[Facts, Facts]:
    if not (home / "home.json").exists():
        return facts_of(None, a), facts_of(None, b)
    with Home.open(home) as opened:
        return facts_of(opened, a), facts_of(opened, b)
