"""`strongroom rollback`: put the version before back into a stage."""

from __future__ import annotations

from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HOME, ActorOption, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import plain
from strongroom.domain.decision import Stage
from strongroom.governance.access.policy import Action
from strongroom.home.home import Home
from strongroom.registry.registry import Registry

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    system: Annotated[str, typer.Argument(help="As its manifest names it.")],
    stage: Annotated[Stage, typer.Option("--stage", help="The stage to roll back.")],
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Put back what stood in the stage before; no gate, for it was let in once.

    Exit 0 rolled back, 1 nothing to go back to, 2 could not tell.
    """
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.ROLLBACK, system, stage)
        move = Registry(opened).rollback(system, stage)
    if form is Format.JSON:
        write_json(plain(move))
    elif move.replaced:
        people.print(
            f"[green]rolled back[/] {system} in {stage}: "
            f"{move.version.short} stands there again, {move.replaced.short} does not",
            soft_wrap=True,
        )
