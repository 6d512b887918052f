"""`strongroom assess`: run the checks that are required, and keep what they say as evidence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from strongroom.assess.assessing import assess as run_required
from strongroom.assess.assessing import required, required_by
from strongroom.assess.campaign import Ended, Scope
from strongroom.assess.campaign_run import Limits
from strongroom.assess.formats import document, junit, reasons, sarif
from strongroom.assess.home_store import HomeStore
from strongroom.assess.orders import Order
from strongroom.assess.profiles import estimate, profile_named
from strongroom.assess.runner import Assessed, Plan
from strongroom.assess.thresholds import figure
from strongroom.cli.assess_against import Against, against
from strongroom.cli.assess_against import document as comparison
from strongroom.cli.assess_against import show as show_against
from strongroom.cli.assess_all import assess_all, systems_in
from strongroom.cli.assess_all import document as campaign_document
from strongroom.cli.assess_all import show as show_all
from strongroom.cli.assess_progress import Bars
from strongroom.cli.leave import ask_leave
from strongroom.cli.listing import below, entry
from strongroom.cli.options import HERE, HOME, ActorOption, HomeOption, manifest_in
from strongroom.cli.output import minutes, people, write_json
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


@dataclass(frozen=True, slots=True)
class Result:
    """Of one system."""

    system: str
    profile: Depth
    assessed: tuple[Assessed, ...]
    against: Against | None

    @property
    def exit_code(self) -> int:
        """What got worse for sure was found, like a check that fails."""
        if self.against and self.against.worse:
            return EXIT[Outcome.FAIL]
        return EXIT[Outcome.worst(a.evidence.outcome for a in self.assessed)]

    def document(self) -> dict[str, Any]:
        """The machine contract of `--format json`."""
        made = {**document(self.system, self.assessed), "profile": self.profile.value}
        return {**made, "against": comparison(self.against)} if self.against else made


@app.command()
def assess(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]...",
            help="The folder that holds strongroom.yaml; with --all, several, or what holds them.",
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="A campaign over every system given; a killed one goes on."),
    ] = False,
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar="NAME", help="Only this check; repeat.")
    ] = None,
    to: Annotated[
        Stage | None, typer.Option("--to", help="Only what this stage asks for; else every stage.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Checks at a time (with --all: systems); cores."),
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
    system_limit: Annotated[
        float | None,
        typer.Option(
            "--system-limit", min=1, metavar="SECONDS", help="With --all, for each system."
        ),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="VERSION", help="Compare with a folder, SYSTEM@STAGE or version."
        ),
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
    if every:
        _refuse(to is None, "--to", "--all")
        _refuse(write is None, "--write", "--all")
        _refuse(other is None, "--against", "--all")
        _refuse(form in {Output.TEXT, Output.JSON}, f"--format {form}", "--all")
        scope = Scope(systems_in(folders or [HERE]), tuple(check or ()), profile.value, seed)
        limits = Limits(1, 1, system_limit, time_limit, fresh)
        raise typer.Exit(_campaign(scope, assess_all(home, actor, scope, jobs, limits), form))
    _refuse(system_limit is None, "--system-limit", "a single system")
    _refuse(len(folders or ()) < 2, "several folders", "a single system; add --all")
    folder = folders[0] if folders else HERE
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
        manifest = manifest_in(folder)
        found = other and against(opened, loaded, manifest, other, catalog, seed)
    result = Result(loaded.system.system.name, profile, assessed, found or None)
    if write is not None:
        _write(write, result)
    _print(form, result)
    raise typer.Exit(result.exit_code)


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
        f"{profile}: about {minutes(took.usual)} on 10,000 rows for {len(orders)} check"
        f"{'s' * (len(orders) > 1)}, "
        f"{minutes(took.at_most)} at the most",
        soft_wrap=True,
    )


def _refuse(fine: bool, option: str, beside: str) -> None:
    if not fine:
        raise InputError(f"{option} does not go with {beside}")


def _campaign(scope: Scope, ended: Sequence[Ended], form: Output) -> int:
    if form is Output.JSON:
        write_json(campaign_document(scope, ended))
    else:
        show_all(ended)
    return EXIT[Outcome.worst(e.outcome for e in ended)]


def _print(form: Output, result: Result) -> None:
    match form:
        case Output.JSON:
            write_json(result.document())
        case Output.SARIF:
            sys.stdout.write(sarif(result.assessed, manifest=MANIFEST).decode() + "\n")
        case Output.JUNIT:
            sys.stdout.write(junit(result.system, result.assessed).decode() + "\n")
        case Output.TEXT:
            show(result.assessed)
            if result.against:
                show_against(result.against)


def _write(folder: Path, result: Result) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", where=str(folder)) from error
    write_file(folder / "assess.json", canonical(result.document()))
    write_file(folder / "assess.sarif", sarif(result.assessed, manifest=MANIFEST))
    write_file(folder / "assess.junit.xml", junit(result.system, result.assessed))
