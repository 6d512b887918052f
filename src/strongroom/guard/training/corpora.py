"""Public corpora on disk (never part of this repository), read as examples with their labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from strongroom.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Example:
    """One text, and what a guard should think of it."""

    text: str
    user: int | None
    """1: an attack when a user says it; 0: innocent; None: not used for this question."""
    data: int | None
    """The same, when a document or a tool result says it."""
    origin: str
    """Corpus or grammar family."""
    weight: float = 1.0


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line. Raises InputError."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}:{number} is no JSON: {error}") from None


def corpora_plan() -> dict[str, dict[str, dict[str, Any]]]:
    """`corpora.yaml`: which file serves which question, how many rows, with what weight."""
    text = (resources.files(__package__) / "corpora.yaml").read_text("utf-8")
    plan: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(text)
    return plan


def read_corpus(folder: Path, name: str, plan: dict[str, Any]) -> Iterator[Example]:
    """The rows of one corpus under its plan: `user` and `data` say what the label means there."""
    for row in read_lines(folder / f"{name}.jsonl"):
        label = int(row["label"])
        meaning = plan["attack"] if label else plan["innocent"]
        if row["text"].strip() and meaning is not None:
            user, data = meaning
            yield Example(row["text"], user, data, name, plan.get("weight", 1.0))
