"""What the commands share: JSON on stdout, people's words on stderr."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from strongroom.domain.canonical import canonical
from strongroom.domain.errors import StrongroomError

people = Console(stderr=True, highlight=False)
"""Where words for people go."""

OUTCOME_STYLE = {
    "pass": "green",
    "fail": "bold red",
    "unknown": "yellow",
    "waived": "magenta",
}
"""Rich styles; the word is always printed too."""


class Format(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="json prints one JSON document on stdout.")
]


def write_json(document: object) -> None:
    """One JSON document and nothing else on stdout."""
    sys.stdout.write(canonical(document).decode() + "\n")


def complain(error: StrongroomError) -> None:
    """Say on stderr what happened, where, and what to do."""
    place = f"{error.where}: " if error.where else ""
    message = Text.assemble(("error: ", "bold red"), (place, "bold"), error.what)
    people.print(message, soft_wrap=True)
    if error.fix:
        people.print(Text.assemble(("  try: ", "bold"), error.fix), soft_wrap=True)


def minutes(seconds: float) -> str:
    """`40 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
