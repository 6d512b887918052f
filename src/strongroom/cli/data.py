"""`strongroom data`: seal data sets into files that DVC can carry, and open them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import people
from strongroom.domain.errors import InputError
from strongroom.home.home import Home
from strongroom.integrations.sealed_data import SUFFIX, open_to
from strongroom.integrations.sealed_data import seal as seal_to

app = typer.Typer(add_completion=False, no_args_is_help=True)
FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...")]


@app.callback()
def data() -> None:
    """Seal data sets into files that DVC can carry, and open them."""


@app.command()
def seal(files: FilesArgument, home: HomeOption = HOME) -> None:
    """Write FILE.sealed beside each file; leave it as it is if it holds the same data.

    Exit 0 sealed, 2 could not.
    """
    with Home.open(home) as opened:
        for file in files:
            target = file.with_name(file.name + SUFFIX)
            word = "sealed" if seal_to(opened, file, target) else "unchanged"
            people.print(f"{word} {target}", markup=False)


@app.command(name="open")
def open_files(
    files: FilesArgument,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Write there, not beside the sealed file."),
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Verify each FILE.sealed and write the data that was sealed, whole or not at all.

    Exit 0 opened, 2 tampered with, missing, or not ours to open.
    """
    with Home.open(home) as opened:
        for file in files:
            if file.suffix != SUFFIX:
                raise InputError(f"a name that does not end in {SUFFIX}", where=str(file))
            target = (to or file.parent) / file.name.removesuffix(SUFFIX)
            word = "opened" if open_to(opened, file, target) else "unchanged"
            people.print(f"{word} {target}", markup=False)
