"""Labelled texts, and classifiers of texts: what the checks of an llm_guard read.

A set is a JSONL file, its name the set's. A line holds `text`, `label` (1: an attack, 0: innocent)
and, where it is data that may give no orders, `"source": "context"`.

Who can read a classifier is found by entry point (`strongroom.text_classifiers`): a bank's own
comes the same way as ours. Nothing in a manifest names code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.domain.errors import InputError, LimitError
from strongroom.governance.artifacts import artifact_files

READERS: Final = "strongroom.text_classifiers"
MAX_LINES: Final = 200_000
MAX_LINE: Final = 1_048_576
"""Bytes."""

Classifier: TypeAlias = Callable[[str, bool], float]
"""From a text, and whether it is data, to how likely it is an attack: 0..1."""


class Labelled(BaseModel):
    """One text of a set."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    text: str = Field(min_length=1)
    label: Literal[0, 1]
    source: Literal["user", "context", "tool_result"] = "user"


def sets_of(path: Path) -> dict[str, tuple[Labelled, ...]]:
    """The sets by name. Raises InputError with file and line, LimitError."""
    files = [file for file in artifact_files(path) if file.suffix == ".jsonl"]
    if not files:
        raise InputError("no JSONL file", where=path.name, fix="one file a set, NAME.jsonl")
    return {file.stem: tuple(_lines(file)) for file in files}


def _lines(file: Path) -> Iterator[Labelled]:
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE + 1), b""), start=1):
            where = f"{file.name}:{number}"
            if number > MAX_LINES or len(line) > MAX_LINE:
                raise LimitError(f"{MAX_LINES} lines of {MAX_LINE} bytes allowed", where=where)
            try:
                yield Labelled.model_validate_json(line)
            except ValidationError as error:
                problem = error.errors()[0]
                field = ".".join(map(str, problem["loc"])) or "line"
                raise InputError(f"{field}: {problem['msg']}", where=where) from error


def open_classifier(name: str, folder: Path) -> Classifier:
    """A classifier from its files, by a reader that is installed. Raises InputError."""
    found = [entry for entry in entry_points(group=READERS) if entry.name == name]
    if len(found) != 1:
        there = ", ".join(sorted(entry.name for entry in entry_points(group=READERS))) or "none"
        what = "no package reads" if not found else "more than one package reads"
        raise InputError(f"{what} classifiers of the kind {name}", fix=f"installed: {there}")
    classifier: Classifier = found[0].load()(folder)
    return classifier
