"""`strongroom approve`: one person says yes to one stage for exactly these digests."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import (
    HERE,
    HOME,
    FolderArgument,
    HomeOption,
    key_passphrase,
    manifest_in,
)
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Approval, Stage
from strongroom.domain.errors import InputError
from strongroom.governance.access.policy import Action
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home
from strongroom.registry.deciding import candidate_of

app = typer.Typer(add_completion=False)


@app.command()
def approve(
    stage: Annotated[Stage, typer.Option("--stage", help="The stage it may enter.")],
    key: Annotated[str, typer.Option("--key", help="Whose key signs: a name in `keys list`.")],
    statement: Annotated[str, typer.Option("--statement", help="What you looked at.")],
    days: Annotated[int, typer.Option("--days", min=1, max=365, help="Good for so long.")] = 30,
    folder: FolderArgument = HERE,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Sign an approval; who trained the model may not approve it."""
    loaded = load_manifest(manifest_in(folder))
    if not statement.strip():
        raise InputError("an approval without a word", fix="say in --statement what you looked at")
    candidate = candidate_of(loaded, stage)
    if key == candidate.trained_by:
        raise InputError(
            f"{key} trained this model and may not approve it", fix="ask somebody else to approve"
        )
    with Home.open(home) as opened:
        ask_leave(opened, key, Action.APPROVE, loaded, stage)
        now = opened.clock()
        approval = Approval(
            candidate.system,
            stage,
            candidate.subjects,
            key,
            statement.strip(),
            now,
            now + timedelta(days=days),
        )
        record = opened.record(approval.to_statement(), key, passphrase=key_passphrase())
    if form is Format.JSON:
        write_json({"approval": record.digest, "system": candidate.system, "by": key})
    else:
        people.print(f"[green]approved[/] {candidate.system} → {stage} by {key}, for {days} days")
