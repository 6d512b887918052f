"""`strongroom waive`: let one requirement through, for a time, for a reason, in somebody's name."""

from __future__ import annotations

from datetime import UTC, datetime
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
from strongroom.domain.decision import Stage, Waiver
from strongroom.domain.errors import InputError
from strongroom.governance.access.policy import Action
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import load_manifest
from strongroom.governance.rego import FOLDER as RULES
from strongroom.governance.rego import load_rules
from strongroom.home.home import Home
from strongroom.registry.deciding import candidate_of

app = typer.Typer(add_completion=False)


@app.command()
def waive(
    requirement: Annotated[str, typer.Option("--requirement", help="SR-…")],
    owner: Annotated[str, typer.Option("--owner", help="Whose key signs, and who answers for it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it may stand open.")],
    until: Annotated[
        datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="The day on which it ends.")
    ],
    folder: FolderArgument = HERE,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Sign a waiver for exactly these digests; the gate prints it wherever it acts."""
    loaded = load_manifest(manifest_in(folder))
    candidate = candidate_of(loaded, Stage.PRODUCTION)
    end = until.replace(tzinfo=UTC)
    with Home.open(home) as opened:
        now = opened.clock()
        known = _requirement(opened, requirement)
        if end <= now:
            raise InputError(f"the waiver would end on {end:%Y-%m-%d}, which is past")
        if not reason.strip():
            raise InputError("a waiver without a reason", fix="say in --reason why it may stand")
        if owner == candidate.trained_by:
            raise InputError(f"{owner} trained this model and may not waive for it")
        waiver = Waiver(
            candidate.system, known, candidate.subjects, owner, reason.strip(), now, end
        )
        ask_leave(opened, owner, Action.WAIVE, loaded)
        record = opened.record(waiver.to_statement(), owner, passphrase=key_passphrase())
    if form is Format.JSON:
        write_json({"waiver": record.digest, "system": candidate.system, "requirement": known})
    else:
        people.print(f"[magenta]waived[/] {known} until {end:%Y-%m-%d} by {owner}")


def _requirement(home: Home, name: str) -> str:
    """Of the catalog, or one of the house's own rules. Raises InputError for any other."""
    own = {rule.id for rule in load_rules(home.folder / RULES)}
    return name if name in own else load_catalog().requirement(name).id
