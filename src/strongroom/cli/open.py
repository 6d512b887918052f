"""`strongroom open`: verify a sealed version, then decrypt it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HOME, ActorOption, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.governance.access.policy import Action
from strongroom.home.home import Home
from strongroom.registry.registry import Registry

app = typer.Typer(add_completion=False)


@app.command(name="open")
def open_version(
    system: Annotated[str, typer.Argument(help="As its manifest names it.")],
    stage: Annotated[Stage | None, typer.Option("--stage", help="What stands there.")] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="DIGEST", help="Or this version.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Write the plaintext there; else nowhere."),
    ] = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Verify signature, ledger and every digest, and decrypt in memory.

    Exit 0 whole, 2 tampered with, missing, or not ours to open.
    """
    if (stage is None) is (version is None):
        raise InputError("which version?", fix="give either --stage or --version")
    which = stage or Digest.parse(version or "")
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.OPEN, system, stage)
        found = Registry(opened).open(system, which)
    written = found.write(to) if to is not None else ()
    if form is Format.JSON:
        write_json(
            {
                "system": system,
                "version": found.version,
                "files": [
                    {"path": f.path, "size": f.size, "digest": f.digest} for f in found.seal.files
                ],
                "written": [str(path) for path in written],
            }
        )
        return
    people.print(f"[green]verified[/] {system} {found.version.short}")
    for file in found.seal.files:
        people.print(f"  {file.size:>12,}  {file.path}", highlight=False, markup=False)
    where = f"plaintext in {to}" if to is not None else "nothing was written; --to DIR writes it"
    people.print(where, markup=False)
