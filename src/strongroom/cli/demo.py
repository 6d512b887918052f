"""`strongroom demo`: the whole hall on a payment-fraud model; `demo guard`: an agent is robbed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.rule import Rule
from rich.text import Text

from strongroom.cli.output import Format, FormatOption, people, write_json

app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option("--data", help="Your own table (Parquet, CSV) instead.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="What its columns mean: a strongroom.yaml.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder to write; a demo there is replaced.")
    ] = Path("strongroom-demo"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of data, training, attacks.")] = 7,
    form: FormatOption = Format.TEXT,
) -> None:
    """Refused, mended, proven, sealed, promoted, attacked, rolled back, audited: about a minute.

    Exit 0 when the mended model went live and every claim held, 1 when not.
    """
    if context.invoked_subcommand is not None:
        return
    # Training and assessment are heavy, and of no use to `demo guard`.
    from strongroom.cli.demo_hall import play_hall  # noqa: PLC0415

    raise typer.Exit(0 if play_hall(data, manifest, out, seed, form) else 1)


@app.command("guard")
def guard(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to keep books, pins and decisions in; none is kept."),
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """An agent that handles payment exceptions is robbed in four ways, then guarded: seconds.

    Exit 0 when it was robbed without the guard and not with it, 1 when not.
    """
    # Of the guard and gateway extras.
    from strongroom.payments.exceptions_agent.show import play  # noqa: PLC0415

    told = play(out, lambda text: people.print(Text(f"  {text}", "dim"), soft_wrap=True))
    if form is Format.JSON:
        write_json(told.to_json())
        raise typer.Exit(0 if told.holds else 1)
    for act in told.acts:
        people.print()
        people.print(Rule(Text(f"{act.item}. {act.title}", "bold"), align="left", style="dim"))
        people.print(Text(f"  without  {act.without.what}", _style(act.without.robbed)))
        people.print(Text(f"  with     {act.guarded.what}", _style(act.guarded.robbed)))
        for why in act.guarded.stopped:
            people.print(Text(f"           {why}", "dim"), soft_wrap=True)
    people.print()
    people.print(Rule(style="dim"))
    people.print(told.summary, style="green" if told.holds else "bold red")
    raise typer.Exit(0 if told.holds else 1)


def _style(robbed: bool) -> str:
    return "bold red" if robbed else "green"
