"""`strongroom report`: the bundle for those who check, the passport for those who read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HERE, HOME, ActorOption, FolderArgument, HomeOption, manifest_in
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Stage
from strongroom.governance.access.policy import Action
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home
from strongroom.report.audit import choose, write_bundle
from strongroom.report.extras import bundle_extras, passport_of, write_passport

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Documents for auditors and engineers."
)
StageOption = Annotated[
    Stage | None, typer.Option("--stage", help="Of the newest decision for this stage.")
]


@app.command()
def audit(
    folder: FolderArgument = HERE,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to write; must not exist.")
    ] = Path("audit-bundle"),
    stage: StageOption = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Write one bundle with which anybody can check the newest decision offline."""
    loaded = load_manifest(manifest_in(folder))
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.REPORT, loaded, stage)
        chosen = choose(opened, loaded, stage)
        extras = bundle_extras(opened, loaded, chosen)
        write_bundle(opened, loaded, chosen, out, extras)
    if form is Format.JSON:
        write_json({"bundle": str(out), "decision": chosen.digest, "records": len(chosen.records)})
    else:
        people.print(f"wrote {out}: {len(chosen.records)} records about {chosen.decision.system}")
        people.print(f"check it: strongroom verify {out} --trust trust.json", soft_wrap=True)


@app.command()
def engineer(
    folder: FolderArgument = HERE,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for passport.html and .pdf.")
    ] = Path("passport"),
    stage: StageOption = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Write the model passport: every figure with its interval, the decision, what to do next."""
    loaded = load_manifest(manifest_in(folder))
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.REPORT, loaded, stage)
        passport = passport_of(opened, loaded, stage)
    written = write_passport(passport, out)
    if form is Format.JSON:
        write_json({"passport": [str(path) for path in written]})
    else:
        people.print("wrote " + ", ".join(str(path) for path in written), soft_wrap=True)
