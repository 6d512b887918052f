"""`strongroom access`: who may do what in this home."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.options import HOME, ActorOption, HomeOption, key_passphrase
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError
from strongroom.governance.access.leave import in_force, put_in_force
from strongroom.governance.access.policy import HOME as WHOLE
from strongroom.governance.access.policy import MAX_FILE, Action, Request, ask
from strongroom.home.home import Home
from strongroom.keys.trust import ACT_TYPE, REFUSAL_TYPE
from strongroom.storage.files import told

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def access() -> None:
    """Roles and rules in Cedar: who may do what here. Every refusal is logged."""


@app.command("set")
def set_policy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="access.yaml")],
    actor: ActorOption = "",
    home: HomeOption = HOME,
) -> None:
    """Put an access policy in force, signed by an admin's key."""
    with told(file), file.open("rb") as opened_file:
        data = opened_file.read(MAX_FILE + 1)
    try:
        source = data.decode()
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", where=str(file)) from error
    with Home.open(home) as opened:
        record = put_in_force(opened, source, actor, key_passphrase())
    people.print(f"[green]in force[/] access policy {record.digest.short}, set by {actor}")


@app.command()
def show(home: HomeOption = HOME) -> None:
    """Print the access policy in force."""
    with Home.open(home) as opened:
        found = in_force(opened)
    if found is None:
        people.print("no access policy: whoever can open this home may do everything")
        raise typer.Exit(2)
    people.print(f"[dim]{found.digest}, set by {found.by}[/]")
    sys.stdout.write(found.source)


@app.command("ask")
def ask_about(
    who: Annotated[str, typer.Argument(metavar="NAME")],
    action: Annotated[Action, typer.Argument()],
    system: Annotated[str, typer.Option("--system", help="The system's name.")] = WHOLE,
    stage: Annotated[Stage | None, typer.Option("--stage")] = None,
    home: HomeOption = HOME,
) -> None:
    """Say whether somebody might, and by which policy; nothing is done or logged.

    Exit 0 allowed, 1 refused, 2 no policy is in force.
    """
    with Home.open(home) as opened:
        found = in_force(opened)
        now = opened.clock()
    if found is None:
        raise InputError("no access policy is in force", fix="`strongroom access set FILE`")
    answer = ask(found.policy, Request(who, action, system, stage), now)
    word = "[green]allowed[/]" if answer.allowed else "[bold red]refused[/]"
    people.print(f"{word} by {', '.join(answer.because)}")
    raise typer.Exit(0 if answer.allowed else 1)


@app.command()
def log(
    refused: Annotated[bool, typer.Option("--refused", help="Refusals only.")] = False,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Who did what, and who was refused, newest first."""
    kinds = [REFUSAL_TYPE] if refused else [REFUSAL_TYPE, ACT_TYPE]
    with Home.open(home) as opened:
        records = [record for kind in kinds for record in opened.records(kind)]
        for record in records:
            opened.check_logged(record)
    records.sort(key=lambda record: record.recorded_at, reverse=True)
    if form is Format.JSON:
        write_json([{**r.statement.predicate, "allowed": r.kind == ACT_TYPE} for r in records])
        return
    for record in records:
        said = record.statement.predicate
        word = "[green]did[/]    " if record.kind == ACT_TYPE else "[bold red]refused[/]"
        stage = f" in {said['stage']}" if said["stage"] else ""
        people.print(
            f"{record.recorded_at:%Y-%m-%d %H:%M} {word} {said['actor'] or '?'} "
            f"{said['action']} {said['about']}{stage}  [dim]{'; '.join(said['because'])}[/]"
        )
