"""`strongroom promote`: seal the version and move it into a stage, if the gate allowed it."""

from __future__ import annotations

from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HERE, HOME, ActorOption, FolderArgument, HomeOption, manifest_in
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import plain
from strongroom.domain.decision import Stage
from strongroom.governance.access.policy import Action
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home
from strongroom.report.promotion import promote as promote_with_bills

app = typer.Typer(add_completion=False)


@app.command()
def promote(
    to: Annotated[Stage, typer.Option("--to", help="The stage to enter.")],
    folder: FolderArgument = HERE,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Seal what the newest decision allowed, for exactly these digests, and put it into the stage.

    Exit 0 promoted, 1 denied, 2 could not tell.
    """
    loaded = load_manifest(manifest_in(folder))
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.PROMOTE, loaded, to)
        move = promote_with_bills(opened, loaded, to).move
    if form is Format.JSON:
        write_json(plain(move))
        return
    people.print(f"[green]promoted[/] {move.system} {move.version.short} → {move.stage}")
    if move.replaced:
        people.print(
            f"{move.replaced.short} stood there before: "
            f"`strongroom rollback {move.system} --stage {move.stage}` puts it back",
            soft_wrap=True,
        )
