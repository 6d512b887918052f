"""`strongroom rules`: the house's own rules of the gate, in Rego."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.listing import below, entry
from strongroom.cli.options import HERE, HOME, ActorOption, HomeOption, manifest_in
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Decision, Stage, Verdict
from strongroom.domain.errors import InputError
from strongroom.governance.access.policy import Action
from strongroom.governance.loader import load_manifest
from strongroom.governance.rego import FOLDER, as_required, load_rules, read_rule_file
from strongroom.home.home import Home
from strongroom.registry.deciding import ask_rules
from strongroom.storage.files import told, write_file

app = typer.Typer(add_completion=False, no_args_is_help=True)
RuleFiles = Annotated[
    list[Path], typer.Argument(metavar="FILE…", help="Rego modules, one rule each.")
]


@app.callback()
def rules() -> None:
    """Rules of your own, in Rego, that the gate asks beside the catalog; they can only deny."""


@app.command()
def add(files: RuleFiles, actor: ActorOption = "", home: HomeOption = HOME) -> None:
    """Put rules in force: from now on every decision of this home asks them, and keeps them."""
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.RULES)
        folder = opened.folder / FOLDER
        known = {rule.id for rule in load_rules(folder)}
        with told(folder):
            folder.mkdir(exist_ok=True)
        for path in files:
            rule = read_rule_file(path)
            write_file(folder / f"{rule.id}.rego", rule.source.encode())
            verb = "replaced" if rule.id in known else "added"
            people.print(f"[green]{verb}[/] {rule.id} {rule.title}")


@app.command("list")
def list_rules(home: HomeOption = HOME, form: FormatOption = Format.TEXT) -> None:
    """Show the rules in force."""
    with Home.open(home) as opened:
        found = load_rules(opened.folder / FOLDER)
    if form is Format.JSON:
        write_json([{"id": r.id, "title": r.title, "stages": r.stages} for r in found])
        return
    for rule in found:
        people.print(f"[bold]{rule.id}[/] {rule.title}  [dim]{', '.join(rule.stages)}[/]")
    if not found:
        people.print("no rules of your own; `strongroom rules add FILE.rego`")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="ID")],
    actor: ActorOption = "",
    home: HomeOption = HOME,
) -> None:
    """Take a rule out of force; decisions made with it keep it."""
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.RULES)
        path = opened.folder / FOLDER / f"{name}.rego"
        if name not in {rule.id for rule in load_rules(path.parent)}:
            raise InputError(f"no rule {name} is in force", fix="see `strongroom rules list`")
        path.unlink()
    people.print(f"[yellow]removed[/] {name}")


@app.command()
def check(
    files: RuleFiles,
    folder: Annotated[Path, typer.Option("--system", help="The folder of the manifest.")] = HERE,
    to: Annotated[Stage, typer.Option("--to", help="The stage to enter.")] = Stage.PRODUCTION,
    home: HomeOption = HOME,
) -> None:
    """Ask rules about a system as it is now, and record nothing.

    Exit 0 nothing against it, 1 denied, 2 could not tell.
    """
    asked = as_required([read_rule_file(path) for path in files], to)
    if not asked:
        raise InputError(f"none of these rules speaks about {to}", fix="name another stage by --to")
    with Home.open(home) as opened:
        loaded = load_manifest(manifest_in(folder))
        decision = ask_rules(opened, loaded, to, asked, opened.clock())
    for reason in decision.reasons:
        entry(reason.outcome.value, reason.requirement)
        below([reason.text], "dim")
    raise typer.Exit(_exit_code(decision))


def _exit_code(decision: Decision) -> int:
    if decision.verdict is Verdict.ALLOW:
        return 0
    return 1 if any(reason.outcome == "fail" for reason in decision.reasons) else 2
