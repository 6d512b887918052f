"""`strongroom record -- COMMAND`: run it, and sign how the model was made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from strongroom.assess.provenance.known import keep
from strongroom.assess.provenance.recording import (
    Recorded,
    Wanted,
    declared_command,
    record_run,
    shown,
)
from strongroom.cli.options import HERE, HOME, HomeOption, manifest_in
from strongroom.cli.output import people
from strongroom.domain.digests import Digest
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home

app = typer.Typer(add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def record(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND…]", help="What to run; without one, the manifest's training."
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="That holds strongroom.yaml.")
    ] = HERE,
    inputs: Annotated[
        list[Path] | None, typer.Option("--input", metavar="PATH", help="It reads this; repeat.")
    ] = None,
    outputs: Annotated[
        list[Path] | None,
        typer.Option("--output", metavar="PATH", help="It must write this; repeat."),
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Run a command, and sign and log what went in, what came out, and how.

    The command's output, signals and exit code are passed on. Exit 2 when it ended well but did
    not write an --output.
    """
    loaded = load_manifest(manifest_in(folder))
    words = tuple(command) if command else declared_command(loaded)
    wanted = Wanted(
        words,
        Path.cwd() if command else loaded.folder,
        tuple(inputs or ()),
        tuple(outputs or ()),
        frozenset({home.resolve()}),
    )
    # Opened and closed before: what cannot be recorded is not run.
    with Home.open(home, create=True) as opened:
        clock = opened.clock
    recorded = record_run(loaded, wanted, os.environ, clock)
    with Home.open(home) as opened:
        kept = keep(opened, recorded.provenance)
    _tell(recorded, kept.digest)
    code = recorded.provenance.exit_code
    raise typer.Exit(2 if code == 0 and recorded.missing else code)


def _tell(recorded: Recorded, statement: Digest) -> None:
    made = recorded.provenance
    if made.exit_code:
        people.print(
            f"[bold red]failed[/] {shown(made.command)}: exit {made.exit_code}; recorded as "
            f"{statement.short}, which proves no output",
            soft_wrap=True,
        )
        return
    people.print(
        f"[green]recorded[/] {statement.short}: {len(made.inputs)} inputs, "
        f"{len(made.outputs)} outputs, {len(made.packages)} packages",
        soft_wrap=True,
    )
    for name in recorded.missing:
        people.print(f"[yellow]not written[/] {name}: nothing is proven of it")
    if made.commit is None:
        people.print("no Git commit: which code ran is not proven")
    elif made.commit.dirty:
        people.print(f"the code is not what commit {made.commit.id[:12]} holds")
