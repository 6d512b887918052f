"""`strongroom guard replay`: what would another policy have done?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strongroom.cli.guard_setup import guard_of
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import InputError
from strongroom.guard.events.content import content_key
from strongroom.guard.events.reading import read_events
from strongroom.guard.exchange import Item, read_item
from strongroom.guard.replay import Case, Replay, Unknown, cases_of_items, cases_of_log
from strongroom.guard.replay import replay as judge_again
from strongroom.guard.signing import read_file
from strongroom.storage.files import told

app = typer.Typer()
MAX_KEY = 200


@app.command()
def replay(
    log: Annotated[
        Path, typer.Argument(help="A log of decisions, or texts in the form of `guard check`.")
    ],
    policy: Annotated[Path, typer.Option("--policy", metavar="NEW", help="The policy to try.")],
    old: Annotated[
        Path | None,
        typer.Option("--old", metavar="FILE", help="For texts: the policy to compare it with."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Opens what the log keeps sealed.")
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Judge again what was judged before, and tell what would change.

    Exit 0 nothing would, 1 something would, 2 nothing could be replayed or a detector failed.
    """
    guard = guard_of(policy)
    before = guard_of(old) if old is not None or not _is_log(log) else None
    result = judge_again(_cases(log, key), guard, before)
    if form is Format.JSON:
        write_json({"policy": str(guard.policy.digest), **result.to_json()})
    else:
        _print(result)
    if result.failures or not result.replayed:
        raise typer.Exit(2)
    raise typer.Exit(int(result.changed > 0))


def _cases(log: Path, key: Path | None) -> Iterator[Case | Unknown]:
    if not _is_log(log):
        return cases_of_items(_items(log))
    secret = None
    if key is not None:
        text = read_file(key, MAX_KEY).decode("ascii", "replace")
        secret = content_key(text, str(key))
    return cases_of_log(read_events(log), secret)


def _is_log(path: Path) -> bool:
    """Whether the first line is a decision."""
    with told(path), path.open("rb") as file:
        line = file.readline(1 << 24)
    try:
        first = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("its first line is no JSON", where=str(path)) from error
    return isinstance(first, dict) and "direction" in first


def _items(path: Path) -> Iterator[Item]:
    with told(path), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    yield read_item(line)
            except InputError as error:
                raise InputError(str(error), where=f"{path}:{number}") from error


def _print(result: Replay) -> None:
    table = Table("before", "after", "cases")
    for (before, after), count in sorted(result.moves.items()):
        style = "" if before == after else "bold"
        table.add_row(before, after, str(count), style=style)
    Console(highlight=False).print(table)
    for change in result.changes:
        kinds = ", ".join(change.kinds_after or change.kinds_before)
        said = f"{change.id}: {change.before.value} > {change.after.value}  {kinds}"
        people.print(Text(said), soft_wrap=True)
    for why, count in sorted(result.unknown.items()):
        people.print(Text(f"not replayed: {count}, {why}", style="magenta"), soft_wrap=True)
    if result.cautious:
        said = f"{result.cautious} rest on a conversation that is not there, or on a cut text"
        people.print(Text(said, style="yellow"))
    people.print(f"{result.replayed} judged again, {result.changed} would change")
