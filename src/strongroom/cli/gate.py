"""`strongroom gate`: may this system enter that stage, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from strongroom.cli.listing import below, entry
from strongroom.cli.options import HERE, HOME, FolderArgument, HomeOption, manifest_in
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Stage, Verdict
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home
from strongroom.registry.deciding import Decided, put_before_gate

app = typer.Typer(add_completion=False)


@app.command()
def gate(
    to: Annotated[Stage, typer.Option("--to", help="The stage to enter.")],
    folder: FolderArgument = HERE,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Decide from requirements, evidence, approvals and waivers; sign the decision and log it.

    Exit 0 allow, 1 deny, 2 could not tell.
    """
    loaded = load_manifest(manifest_in(folder))
    with Home.open(home) as opened:
        decided = put_before_gate(opened, loaded, to, load_catalog(), opened.clock())
    if form is Format.JSON:
        write_json(_document(decided))
    else:
        show(decided)
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


def _document(decided: Decided) -> dict[str, object]:
    decision = decided.decision
    return {
        "decision": decision.verdict,
        "system": decision.system,
        "stage": decision.stage,
        "digest": decided.digest,
        "policy": decision.policy,
        "subjects": {s.name: s.digest for s in decision.subjects},
        "requirements": [
            {
                "id": r.requirement,
                "outcome": r.outcome,
                "evidence": r.evidence,
                "reason": r.text,
                "waiver": r.waiver,
            }
            for r in decision.reasons
        ],
    }
