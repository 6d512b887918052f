"""`strongroom deliver`: what an init container runs before a model server starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HOME, ActorOption, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Stage
from strongroom.governance.access.policy import Action
from strongroom.home.home import Home
from strongroom.integrations.deliver import Layout
from strongroom.integrations.deliver import deliver as deliver_to
from strongroom.integrations.places import parse_version
from strongroom.registry.registry import Registry

app = typer.Typer(add_completion=False)


@app.command()
def deliver(
    source: Annotated[
        str, typer.Argument(metavar="URI", help="sealed://SYSTEM/STAGE or sealed://SYSTEM/DIGEST")
    ],
    to: Annotated[
        Path, typer.Argument(metavar="DIR", help="Absent or empty; it is filled whole or not.")
    ],
    layout: Annotated[
        Layout, typer.Option("--layout", help="The files, or Hugging Face's cache.")
    ] = Layout.FILES,
    whole: Annotated[
        bool, typer.Option("--all", help="Also manifest and dependencies, not the model alone.")
    ] = False,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Verify a sealed version, decrypt it, scan it, and put it into a folder.

    Exit 0 delivered, 1 the scanner blocks it, 2 tampered with, missing, or not ours to open.
    """
    place = parse_version(source)
    with Home.open(home) as opened:
        stage = place.which if isinstance(place.which, Stage) else None
        ask_leave(opened, actor, Action.OPEN, place.system, stage)
        found = Registry(opened).open(place.system, place.which)
    paths = deliver_to(found, to, layout, whole=whole)
    if form is Format.JSON:
        write_json({"system": place.system, "version": found.version, "files": list(paths)})
    else:
        people.print(
            f"[green]delivered[/] {place.system} {found.version.short}: {len(paths)} files in {to}",
            soft_wrap=True,
        )
