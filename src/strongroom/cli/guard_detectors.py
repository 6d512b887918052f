"""`strongroom guard detectors`: which detectors there are, ours and anybody's."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.guard.detectors.catalog import listed, roster

app = typer.Typer()


@app.command()
def detectors(form: FormatOption = Format.TEXT) -> None:
    """List detectors: ours, and those that installed packages announce.

    Exit 0; 2 if one of a package does not load: then the guard does not start either.
    """
    there = roster()
    rows = listed(there.detectors)
    if form is Format.JSON:
        write_json({
            "detectors": [
                {"name": one.name, "version": one.version, "kinds": list(one.kinds),
                 "from": one.origin}
                for one in rows
            ],
            "notes": list(there.notes),
        })  # fmt: skip
        return
    table = Table("detector", "kinds", "from")
    for one in rows:
        table.add_row(f"{one.name}@{one.version}", ", ".join(one.kinds), one.origin)
    Console(highlight=False).print(table)
    for note in there.notes:
        people.print(f"note: {note}", style="yellow")
