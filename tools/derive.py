"""Write the pages that are derived from code and data, or say which are out of date.

    python tools/derive.py [--check]

Derived are `docs/commands.md` (the help of every verb), `docs/checks.md` (the docstring of every
check), `docs/matrix.md` (requirements against frameworks) and `docs/decisions/index.md`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import typer
from typer.testing import CliRunner

from strongroom.assess.check import load_all
from strongroom.cli.main import VERBS
from strongroom.domain.decision import Stage
from strongroom.governance.catalog import Requirement, load_catalog

DOCS = Path(__file__).parents[1] / "docs"
WIDTH = "100"
MADE = "<!-- Made by tools/derive.py: change the code or the data, then run `make derive`. -->"


def commands() -> str:
    """The help of every verb and of the verbs below it."""
    lines = [
        MADE,
        "",
        "# Commands",
        "",
        "Exit status: 0 clean, 1 denied or found, 2 could not tell.",
    ]
    for verb, text in VERBS.items():
        app = import_module(f"strongroom.cli.{verb}").app
        lines += ["", f"## strongroom {verb}", "", text, ""]
        for words in _invocations(app):
            lines += ["```console", f"$ strongroom {' '.join((verb, *words))} --help"]
            lines += [*_help(app, verb, words), "```"]
    return "\n".join(lines) + "\n"


def checks() -> str:
    """What each check looks at, reports, and advises."""
    lines = [MADE, "", "# Checks", ""]
    catalog = load_catalog()
    for spec in load_all():
        asked = {
            r.id for r in catalog.requirements for n in r.needs if n.check.name == spec.id.name
        }
        lines += [f"## {spec.id}", "", inspect.cleandoc(spec.doc), ""]
        lines += [f"Asked for by {', '.join(sorted(asked))}.", ""]
    return "\n".join(lines)


def matrix() -> str:
    """Every requirement, how it is shown, and the exact clauses that it answers."""
    catalog = load_catalog()
    lines = [MADE, "", "# Control matrix", ""]
    lines += ["| requirement | shown by | references |", "|---|---|---|"]
    for requirement in catalog.requirements:
        clauses = "; ".join(str(reference) for reference in requirement.references)
        shown = ", ".join(_shown(requirement))
        lines.append(f"| **{requirement.id}** {requirement.title} | {shown} | {clauses} |")
    lines += [
        "",
        "## Frameworks",
        "",
        "| key | framework | edition | source |",
        "|---|---|---|---|",
    ]
    for key, framework in sorted(catalog.frameworks.items()):
        lines.append(
            f"| {key} | {framework.title} | {framework.edition} | {framework.confidence} |"
        )
    return "\n".join(lines) + "\n"


def decisions() -> str:
    """Every decision page by its title."""
    lines = [MADE, "", "# Decisions", "", "One page for each choice that closes doors.", ""]
    for page in sorted((DOCS / "decisions").glob("*.md")):
        if page.name != "index.md":
            title = page.read_text("utf-8").partition("\n")[0].removeprefix("# ")
            lines.append(f"- [{title}]({page.name})")
    return "\n".join(lines) + "\n"


PAGES = {
    "commands.md": commands,
    "checks.md": checks,
    "matrix.md": matrix,
    "decisions/index.md": decisions,
}


def stale() -> list[str]:
    """Names of pages that are not what code and data make now."""
    return [
        name
        for name, make in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text("utf-8") != make()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only compare."""
    if "--check" in arguments:
        for name in (late := stale()):
            print(f"docs/{name} is out of date: make derive", file=sys.stderr)
        return 1 if late else 0
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), "utf-8")
    return 0


def _shown(requirement: Requirement) -> Iterator[str]:
    yield from (str(need.check) for need in requirement.needs)
    if any(requirement.approvals_for(stage) for stage in Stage):
        yield "approvals"
    if requirement.planned:
        yield "no check yet"
    if requirement.owner_bounds:
        yield "the owner's bounds"


def _invocations(app: typer.Typer) -> Iterator[tuple[str, ...]]:
    """The words after the verb: none, and those of every command and group below it."""
    yield ()
    groups = [(g.name, g.typer_instance) for g in app.registered_groups if g.typer_instance]
    if app.registered_callback is not None or groups or len(app.registered_commands) > 1:
        yield from _commands(app)
    for name, below in groups:
        if isinstance(name, str):
            yield from ((name, *words) for words in _invocations(below))
        else:  # another module's commands, added without a name of their own
            yield from _commands(below)


def _commands(app: typer.Typer) -> Iterator[tuple[str, ...]]:
    for command in app.registered_commands:
        yield (command.name or getattr(command.callback, "__name__", "").replace("_", "-"),)


def _help(app: typer.Typer, verb: str, words: tuple[str, ...]) -> list[str]:
    environment = {"COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "NO_COLOR": "1", "TERM": "dumb"}
    result = CliRunner().invoke(
        app, [*words, "--help"], env=environment, prog_name=f"strongroom {verb}"
    )
    if result.exit_code != 0:
        raise SystemExit(f"strongroom {verb} {' '.join(words)} --help: {result.output}")
    return [line.rstrip() for line in result.output.strip("\n").splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
