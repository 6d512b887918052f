"""`strongroom assess`: run the checks that are required, and keep what they say as evidence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from strongroom.assess.assessing import assess as run_required
from strongroom.assess.assessing import required, required_by
from strongroom.assess.formats import document, junit, reasons, sarif
from strongroom.assess.home_store import HomeStore
from strongroom.assess.orders import Order
from strongroom.assess.profiles import estimate, profile_named
from strongroom.assess.runner import Assessed, Plan
from strongroom.assess.thresholds import figure
from strongroom.cli.assess_progress import Bars
from strongroom.cli.leave import ask_leave
from strongroom.cli.listing import below, entry
from strongroom.cli.options import HERE, HOME, ActorOption, FolderArgument, HomeOption, manifest_in
from strongroom.cli.output import people, write_json
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


class Depth(StrEnum):
    """The profiles of `profiles.yaml`."""

    QUICK = "quick"
    STANDARD = "standard"
    DEEP = "deep"


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
    profile: Annotated[
        Depth, typer.Option("--profile", help="How hard checks try; quick cannot pass them.")
    ] = Depth.STANDARD,
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
    limit = time_limit or profile_named(profile).time_limit
    plan = Plan(seed=seed, jobs=jobs or cores, cores=cores, time_limit=limit, fresh=fresh)
    if profile is Depth.DEEP:
        _warn(profile, required(loaded, catalog, names), plan.jobs)
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
            profile=profile,
        )
    system = loaded.system.system.name
    if write is not None:
        _write(write, system, profile, assessed)
    _print(form, system, profile, assessed)
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


def _warn(profile: Depth, orders: Sequence[Order], jobs: int) -> None:
    took = estimate(profile, orders, jobs)
    people.print(
        f"{profile}: about {minutes(took.usual)} for {len(orders)} checks on 10,000 rows, "
        f"{minutes(took.at_most)} at the most",
        soft_wrap=True,
    )


def minutes(seconds: float) -> str:
    """`40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _document(system: str, profile: Depth, assessed: Sequence[Assessed]) -> dict[str, Any]:
    return {**document(system, assessed), "profile": profile.value}


def _print(form: Output, system: str, profile: Depth, assessed: Sequence[Assessed]) -> None:
    match form:
        case Output.JSON:
            write_json(_document(system, profile, assessed))
        case Output.SARIF:
            sys.stdout.write(sarif(assessed, manifest=MANIFEST).decode() + "\n")
        case Output.JUNIT:
            sys.stdout.write(junit(system, assessed).decode() + "\n")
        case Output.TEXT:
            show(assessed)


def _write(folder: Path, system: str, profile: Depth, assessed: Sequence[Assessed]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", where=str(folder)) from error
    write_file(folder / "assess.json", canonical(_document(system, profile, assessed)))
    write_file(folder / "assess.sarif", sarif(assessed, manifest=MANIFEST))
    write_file(folder / "assess.junit.xml", junit(system, assessed))
