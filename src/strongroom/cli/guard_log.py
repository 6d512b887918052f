"""`strongroom guard log`: anchor the log of decisions, prove it, open what it keeps sealed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from strongroom.cli.guard_setup import home_at
from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import InputError
from strongroom.guard.events.anchoring import anchor as anchor_log
from strongroom.guard.events.anchoring import to_json
from strongroom.guard.events.anchoring import verify as verify_log
from strongroom.guard.events.content import content_key, open_texts
from strongroom.guard.events.event import Event
from strongroom.guard.events.reading import read_events

app = typer.Typer(no_args_is_help=True, help="Prove the guard's log of decisions.")
LogArgument = Annotated[Path, typer.Argument(metavar="LOG", help="The file of decisions.")]
NameOption = Annotated[
    str | None, typer.Option("--name", help="What it is anchored as; the file's name without.")
]


@app.command()
def anchor(
    log: LogArgument,
    name: NameOption = None,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Record what the log holds by now in the ledger of the home, signed.

    Exit 0 anchored, 2 could not.
    """
    with home_at(home) as opened:
        done = anchor_log(opened, log, name or log.stem)
    if form is Format.JSON:
        write_json({"batches": done.batches, "lines": done.lines, "total": done.total})
    else:
        people.print(f"{done.lines} lines anchored in {done.batches} batches, {done.total} in all")


@app.command()
def verify(
    log: LogArgument,
    name: NameOption = None,
    growing: Annotated[
        bool,
        typer.Option(
            "--growing", help="It is still written: lines since the last anchor are fine."
        ),
    ] = False,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Prove that a log is complete and unchanged; name every line that is not as it was anchored.

    Exit 0 proven, 1 it is not as it was anchored, 2 could not tell.
    """
    with home_at(home) as opened:
        proof = verify_log(opened, log, name or log.stem)
    if form is Format.JSON:
        write_json(to_json(proof))
    for flaw in proof.flaws:
        people.print(Text(f"{log}:{flaw.line}: {flaw.what}: {flaw.why}", style="red"))
    said = f"{proof.lines} lines anchored in {proof.batches} batches"
    if proof.unanchored:
        said += f", {proof.unanchored} since then"
    people.print(
        said, "[red]not as anchored[/]" if proof.flaws else "[green]complete, unchanged[/]"
    )
    raise typer.Exit(1 if proof.flaws else 2 if proof.unanchored and not growing else 0)


@app.command("open")
def open_log(
    log: LogArgument,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="32 bytes in hexadecimal.")],
    decision: Annotated[str | None, typer.Option("--id", help="Only this decision.")] = None,
) -> None:
    """Print the texts that the policy had sealed, as JSON lines that `guard check` reads.

    Exit 0 opened, 2 there was nothing to open, or the key is another.
    """
    secret = content_key(_text(key), str(key))
    opened = 0
    for event in _wanted(log, decision):
        kept = open_texts(event, secret)
        for place, (source, text) in enumerate(kept.texts):
            row = {"id": f"{event.uid}.{place}", "source": source.value, "text": text}
            typer.echo(json.dumps(row, ensure_ascii=True))
            opened += 1
    people.print(f"{opened} texts")
    raise typer.Exit(0 if opened else 2)


def _wanted(log: Path, decision: str | None) -> Iterator[Event]:
    return (e for e in read_events(log) if e.sealed and decision in (None, e.id))


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path)) from error
