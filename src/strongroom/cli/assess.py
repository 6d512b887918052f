"""`strongroom assess`: run the checks that are required, and keep what they say as evidence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from strongroom.assess.assessing import assess as run_required
from strongroom.assess.assessing import required_by
from strongroom.assess.formats import document, junit, reasons, sarif
from strongroom.assess.home_store import HomeStore
from strongroom.assess.runner import Assessed, Plan
from strongroom.assess.thresholds import figure
from strongroom.cli.assess_progress import Bars
from strongroom.cli.leave import ask_leave
from strongroom.cli.listing import below, entry
from strongroom.cli.options import HERE, HOME, ActorOption, FolderArgument, HomeOption, manifest_in
from strongroom.cli.output import write_json
from strongroom.domain.canonical import canonical
from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.governance.access.policy import Action
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import MANIFEST, load_manifest
from strongroom.home.home import Home
from strongroom.storage.files import write_file

app = typer.Typer(add_completion=False)
MAX_REASONS = 3
MAX_FIGURES = 6
EXIT = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.UNKNOWN: 2}


class Output(StrEnum):
    """How `assess` prints its result."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


@app.command()
def assess(
    folder: FolderArgument = HERE,
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar="NAME", help="Only this check; repeat.")
    ] = None,
    to: Annotated[
        Stage | None, typer.Option("--to", help="Only what this stage asks for; else every stage.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Checks at a time; as many as cores.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of everything random.")
    ] = 0,
    time_limit: Annotated[
        float | None,
        typer.Option("--time-limit", min=1, metavar="SECONDS", help="For each check."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run even what there is evidence of.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Also write all formats there.")
    ] = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: Annotated[
        Output, typer.Option("--format", help="json, sarif and junit go to stdout, alone.")
    ] = Output.TEXT,
) -> None:
    """Run the checks that apply to the system, and sign and log what they find.

    Evidence that is there for the same digests, check version and configuration is used again.
    Exit 0 all pass, 1 something failed, 2 something could not be told.
    """
    loaded, catalog = load_manifest(manifest_in(folder)), load_catalog()
    names = tuple(check or (required_by(to, loaded, catalog) if to else ()))
    cores = len(os.sched_getaffinity(0))
    plan = Plan(seed=seed, jobs=jobs or cores, cores=cores, time_limit=time_limit, fresh=fresh)
    with Home.open(home, create=True) as opened, Bars() as bars:
        ask_leave(opened, actor, Action.ASSESS, loaded, to)
        assessed = run_required(
            loaded,
            catalog,
            plan,
            store=HomeStore(opened),
            now=opened.clock,
            watch=bars,
            names=names,
        )
    system = loaded.system.system.name
    if write is not None:
        _write(write, system, assessed)
    _print(form, system, assessed)
    raise typer.Exit(EXIT[Outcome.worst(a.evidence.outcome for a in assessed)])


def show(assessed: Sequence[Assessed]) -> None:
    """The evidence for people: what went wrong first, with reasons and figures."""
    worst_first = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS)
    for one in sorted(assessed, key=lambda a: worst_first.index(a.evidence.outcome)):
        evidence = one.evidence
        entry(evidence.outcome.value, str(evidence.check), bold=True)
        if evidence.outcome is not Outcome.PASS:
            said = reasons(evidence)
            more = (f"… and {len(said) - MAX_REASONS} more",) if len(said) > MAX_REASONS else ()
            below((*said[:MAX_REASONS], *more))
        below([" · ".join(figure(m) for m in evidence.metrics[:MAX_FIGURES])], "dim")


def _print(form: Output, system: str, assessed: Sequence[Assessed]) -> None:
    match form:
        case Output.JSON:
            write_json(document(system, assessed))
        case Output.SARIF:
            sys.stdout.write(sarif(assessed, manifest=MANIFEST).decode() + "\n")
        case Output.JUNIT:
            sys.stdout.write(junit(system, assessed).decode() + "\n")
        case Output.TEXT:
            show(assessed)


def _write(folder: Path, system: str, assessed: Sequence[Assessed]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", where=str(folder)) from error
    write_file(folder / "assess.json", canonical(document(system, assessed)))
    write_file(folder / "assess.sarif", sarif(assessed, manifest=MANIFEST))
    write_file(folder / "assess.junit.xml", junit(system, assessed))
