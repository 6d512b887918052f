"""`strongroom controls`: which requirements apply to a system, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from strongroom.cli.options import HERE, FolderArgument, manifest_in
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Stage
from strongroom.governance.applicability import (
    Applied,
    NotApplied,
    applicable,
    not_applicable,
)
from strongroom.governance.catalog import Catalog, Limit, Need, Reference, load_catalog
from strongroom.governance.loader import Loaded, load_manifest
from strongroom.governance.policy import policy_digest

app = typer.Typer(add_completion=False)


@app.command()
def controls(
    folder: FolderArgument = HERE,
    stage: Annotated[
        Stage, typer.Option("--stage", help="The stage that the system wants to enter.")
    ] = Stage.PRODUCTION,
    everything: Annotated[
        bool, typer.Option("--all", help="Also list what does not apply, and why not.")
    ] = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Show what is required before a stage: why it applies, which checks show it, who asks for it.

    `bound by` names what binds this operator by law or licence where it operates.
    """
    catalog, loaded = load_catalog(), load_manifest(manifest_in(folder))
    applied = applicable(catalog, loaded.system, stage)
    rest = not_applicable(catalog, loaded.system, stage)
    if form is Format.JSON:
        write_json(_document(catalog, loaded, stage, applied, rest))
        return
    _show(loaded, stage, applied)
    if everything:
        _show_rest(rest)
    else:
        people.print(f"{len(rest)} more do not apply; --all says why.")


def _show(loaded: Loaded, stage: Stage, applied: Sequence[Applied]) -> None:
    name = loaded.system.system.name
    people.print(f"[bold]{name}[/] → {stage}: {len(applied)} requirements\n")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for item in applied:
        table.add_row(item.requirement.id, _told(item))
    people.print(table)


def _told(item: Applied) -> Table:
    """Title, and beneath it why it applies, what shows it, and who asks for it."""
    told = Table.grid(padding=(0, 2, 0, 0))
    told.add_column(style="dim", no_wrap=True)
    told.add_column(overflow="fold")
    told.add_row("because", Text(item.why))
    for line in _shown_by(item):
        told.add_row("shown by", Text(line))
    also = [ref for ref in item.requirement.references if ref not in item.binding]
    if item.binding:
        told.add_row("bound by", Text(_by_framework(item.binding), "bold"))
    if also:
        told.add_row("see also", Text(_by_framework(also), "dim"))
    whole = Table.grid()
    whole.add_row(Text(item.requirement.title, "bold"))
    whole.add_row(told)
    whole.add_row("")
    return whole


def _shown_by(item: Applied) -> list[str]:
    lines = [_need(need) for need in item.needs]
    if item.approvals:
        lines.append(f"{item.approvals} approval{'s' if item.approvals > 1 else ''}")
    return lines or ["no check yet: it stays unknown"]


def _need(need: Need) -> str:
    bounds = ", ".join(str(threshold) for threshold in need.thresholds)
    return f"{need.check}: {bounds}" if bounds else f"{need.check}"


def _by_framework(references: Iterable[Reference]) -> str:
    ids: dict[str, list[str]] = {}
    for reference in references:
        ids.setdefault(reference.framework, []).append(reference.id)
    return "; ".join(f"{framework} {', '.join(found)}" for framework, found in ids.items())


def _show_rest(rest: Sequence[NotApplied]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    for column in ("Does not apply", "", "Because"):
        table.add_column(column, overflow="fold")
    for item in rest:
        table.add_row(item.requirement.id, Text(item.requirement.title), Text(item.why))
    people.print(table)


def _document(
    catalog: Catalog,
    loaded: Loaded,
    stage: Stage,
    applied: Sequence[Applied],
    rest: Sequence[NotApplied],
) -> dict[str, object]:
    return {
        "system": loaded.system.system.name,
        "stage": stage,
        "manifest": loaded.digest,
        "catalog": catalog.digest,
        "policy": policy_digest(applied),
        "requirements": [_applied(item) for item in applied],
        "not_applicable": [
            {"id": item.requirement.id, "title": item.requirement.title, "why": item.why}
            for item in rest
        ],
    }


def _applied(item: Applied) -> dict[str, object]:
    requirement = item.requirement
    return {
        "id": requirement.id,
        "title": requirement.title,
        "statement": requirement.statement,
        "why": item.why,
        "planned": requirement.planned,
        "approvals": item.approvals,
        "checks": [
            {
                "check": str(need.check),
                "max_age_days": need.max_age.days,
                "thresholds": [
                    {
                        "metric": threshold.metric,
                        "at_least": threshold.at_least,
                        "at_most": threshold.at_most,
                        "source": threshold.source,
                        "adjustable": isinstance(threshold, Limit) and threshold.adjustable,
                    }
                    for threshold in need.thresholds
                ],
            }
            for need in item.needs
        ],
        "references": [_reference(reference, item) for reference in requirement.references],
    }


def _reference(reference: Reference, item: Applied) -> dict[str, object]:
    return {
        "framework": reference.framework,
        "edition": reference.edition,
        "id": reference.id,
        "binding": reference in item.binding,
    }
