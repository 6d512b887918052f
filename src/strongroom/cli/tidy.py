"""`strongroom tidy`: objects that nothing refers to, listed, and deleted when told to."""

from __future__ import annotations

from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HOME, ActorOption, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import plain
from strongroom.governance.access.policy import Action
from strongroom.home.home import Home
from strongroom.home.orphans import orphans, remove

app = typer.Typer(add_completion=False)


@app.command()
def tidy(
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete them; else they are only listed.")
    ] = False,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """List objects that no record names and that are older than a day: killed runs leave them.

    Exit 0 listed or deleted, 2 could not tell what is named.
    """
    with Home.open(home) as opened:
        if delete:
            ask_leave(opened, actor, Action.SHRED)
        found = orphans(opened, opened.clock())
        size = remove(opened, found) if delete else sum(one.size for one in found)
    if form is Format.JSON:
        write_json({"objects": plain(found), "bytes": size, "deleted": delete})
        return
    for one in found:
        line = f"  {one.at:%Y-%m-%d %H:%M}  {one.size:>12,}  {one.digest}"
        people.print(line, highlight=False, soft_wrap=True)
    word = "deleted" if delete else "not deleted; --delete does that"
    people.print(
        f"{len(found)} objects, {size:,} bytes: {word}" if found else "nothing to tidy up",
        highlight=False,
    )
