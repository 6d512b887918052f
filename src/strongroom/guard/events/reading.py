"""Reads a log of decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InputError, LimitError
from strongroom.guard.events.event import Event
from strongroom.storage.files import told

MAX_LINE: Final = 16 * 1024 * 1024


def read_events(path: Path) -> Iterator[Event]:
    """Every event, in order. Raises InputError that names the line, StoreError."""
    with told(path), path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
            where = f"{path}:{number}"
            if len(line) > MAX_LINE:
                raise LimitError(f"is longer than {MAX_LINE} bytes", where=where)
            if line.strip():
                yield Event.from_json(_object(line, where), where=where)


def _object(line: bytes, where: str) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("is no JSON", where=where) from error
    if not isinstance(value, dict):
        raise InputError("expected an object", where=where)
    return value
