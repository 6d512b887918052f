"""`strongroom gate`: may this system enter that stage, and why."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.listing import below, entry
from strongroom.cli.options import (
    HERE,
    HOME,
    MANIFEST,
    ActorOption,
    FolderArgument,
    HomeOption,
    manifest_in,
)
from strongroom.cli.output import people, write_json
from strongroom.domain.decision import Stage, Verdict
from strongroom.domain.outcome import Outcome
from strongroom.governance.access.policy import Action
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import load_manifest
from strongroom.governance.standing import Item, Standing, outlined, standing
from strongroom.home.home import Home
from strongroom.registry.deciding import Decided, put_before_gate
from strongroom.report.decision_formats import document, junit, sarif

app = typer.Typer(add_completion=False)


class GateFormat(StrEnum):
    """How the decision is printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


@app.command()
def gate(
    to: Annotated[Stage, typer.Option("--to", help="The stage to enter.")],
    folder: FolderArgument = HERE,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    framework: Annotated[
        list[str] | None,
        typer.Option(
            "--framework",
            metavar="NAME",
            help=f"Also show the standing by a framework: {', '.join(outlined())}. Repeatable.",
        ),
    ] = None,
    form: Annotated[
        GateFormat, typer.Option("--format", help="json, sarif and junit go to stdout.")
    ] = GateFormat.TEXT,
) -> None:
    """Decide from requirements, evidence, approvals and waivers; sign the decision and log it.

    Rules of the house's own (`strongroom rules`) count as the catalog's requirements do.
    Exit 0 allow, 1 deny, 2 could not tell.
    """
    loaded = load_manifest(manifest_in(folder))
    catalog = load_catalog()
    for name in framework or ():
        standing(name, catalog, ())  # an unknown name is refused before anything is decided
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.GATE, loaded, to)
        decided = put_before_gate(opened, loaded, to, catalog, opened.clock())
    stood = {name: standing(name, catalog, decided.decision.reasons) for name in framework or ()}
    match form:
        case GateFormat.JSON:
            write_json({**document(decided), **({"frameworks": stood} if stood else {})})
        case GateFormat.SARIF:
            sys.stdout.buffer.write(sarif(decided, manifest=MANIFEST))
        case GateFormat.JUNIT:
            sys.stdout.buffer.write(junit(decided))
        case GateFormat.TEXT:
            pass
    if form is not GateFormat.JSON:
        show(decided)
        for name, items in stood.items():
            _show_standing(name, items)
    raise typer.Exit(0 if decided.decision.verdict is Verdict.ALLOW else 1)


def show(decided: Decided) -> None:
    """The decision for people: what stands in the way first."""
    decision = decided.decision
    titles = {a.requirement.id: a.requirement.title for a in decided.required}
    for reason in sorted(decision.reasons, key=lambda r: (r.ok, r.requirement)):
        word = "waived" if reason.waiver else reason.outcome.value
        entry(word, f"{reason.requirement} {titles.get(reason.requirement, '')}")
        if reason.outcome is not Outcome.PASS:
            below([reason.text], "dim")
    style = "bold green" if decision.verdict is Verdict.ALLOW else "bold red"
    people.print(
        f"[{style}]{decision.verdict.upper()}[/] {decision.system} → {decision.stage}"
        f"  (decision {decided.digest.short}, {len(decision.reasons)} requirements)"
    )


_STYLE = {
    Standing.FAIL: "bold red",
    Standing.UNKNOWN: "yellow",
    Standing.WAIVED: "magenta",
    Standing.PASS: "green",
}


def _show_standing(name: str, items: tuple[Item, ...]) -> None:
    """Every item of a framework, also those that no requirement speaks to."""
    people.print(f"\n[bold]{name}[/]")
    for item in items:
        style = _STYLE.get(item.standing, "dim")
        people.print(
            f"[{style}]{item.standing:<13}[/] {item.id} {item.name}"
            f"  [dim]{', '.join(item.requirements)}[/]"
        )
