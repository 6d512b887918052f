"""`strongroom federate demo`: what five unlike banks gain by training together."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import plain
from strongroom.federated.parties import open_party
from strongroom.federated.tables import rows_of
from strongroom.home.home import system_clock
from strongroom.payments import federation, federation_demo
from strongroom.payments.federation import BANKS, BOOSTING, REGRESSION

app = typer.Typer()


@app.command()
def demo(
    cards: Annotated[
        Path | None,
        typer.Option("--cards", metavar="FILE", help="The ULB cards (Parquet) instead."),
    ] = None,
    net: Annotated[
        bool, typer.Option("--net", help="Logistic regression instead of trees.")
    ] = False,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1000)] = 25,
    customers: Annotated[int, typer.Option("--customers", min=200, max=50_000)] = 3_000,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 7,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep the parties' folders here.")
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Five banks as processes train together; each alone, together, and all rows in one place.

    Exit 0 when together finds more fraud than each bank alone, 1 when not.
    """
    _say("payments of five banks")
    if cards is not None:
        shared = federation.from_cards(cards, seed)
    else:
        shared = federation.simulated(seed, customers)
    model = REGRESSION if net else BOOSTING
    with tempfile.TemporaryDirectory() as scratch:
        folder = out or Path(scratch)
        stage = federation_demo.set_up(
            folder, shared, model, rounds=rounds, seed=seed, now=system_clock()
        )
        together = federation_demo.run(stage, BANKS, _say)
        plan = open_party(stage.party(BANKS[0]), None).plan
    models = federation.alone(plan, shared, lambda name: _say(f"alone: {name}"))
    models = {"together": together, **models}
    later = rows_of(shared.later, plan, where="later payments")
    scores = {name: federation.score(model, later) for name, model in models.items()}
    held = all(
        scores["together"].average_precision > scores[bank].average_precision for bank in BANKS
    )
    if form is Format.JSON:
        write_json({"scores": plain(scores), "held": held})
        raise typer.Exit(0 if held else 1)
    table = Table("model", "rows", "frauds", "AUC", "average precision", "recall at 0.5 % FPR")
    for name in (*BANKS, "together", "pooled"):
        parts = [shared.banks[name]] if name in BANKS else list(shared.banks.values())
        rows, frauds = sum(map(len, parts)), sum(int(p[shared.target].sum()) for p in parts)
        one = scores[name]
        table.add_row(
            f"{name} alone" if name in BANKS else name,
            f"{rows:,}",
            f"{frauds:,}",
            f"{one.auc:.3f}",
            f"{one.average_precision:.3f}",
            f"{one.recall:.3f}",
        )
    Console(highlight=False).print(table)
    raise typer.Exit(0 if held else 1)


def _say(text: str) -> None:
    people.print(Text(text, "dim"), soft_wrap=True)
