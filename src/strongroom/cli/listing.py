"""Outcomes for people: a word, what it is about, and below it why; the worst first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.padding import Padding
from rich.text import Text

from strongroom.cli.output import OUTCOME_STYLE, people

_INDENT = 9


def entry(word: str, head: str, *, bold: bool = False) -> None:
    """One line: the outcome and what it is the outcome of."""
    people.print(
        Text.assemble(
            (f"{word:<{_INDENT}}", OUTCOME_STYLE[word]), (head, "bold" if bold else "default")
        )
    )


def below(lines: Sequence[str], style: str = "default") -> None:
    """Lines under an entry, wrapped at the terminal's width."""
    for line in lines:
        people.print(Padding(Text(line, style), (0, 0, 0, _INDENT)))
