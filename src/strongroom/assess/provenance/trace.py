"""What the Python processes of a recorded command noted: see `hook/sitecustomize.py`.

The notes are written by the command that is watched, so they are read as anybody's input: a line
that is malformed is counted, not believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.provenance import Package

HOOK: Final = Path(__file__).parent / "hook"
VARIABLE: Final = "STRONGROOM_TRACE"
MAX_BYTES: Final = 64 * 2**20
MAX_PACKAGES: Final = 5000


@dataclass(slots=True)
class Trace:
    """All notes of one run."""

    read: set[str] = field(default_factory=set)
    """Absolute paths that were opened for reading."""
    written: set[str] = field(default_factory=set)
    """Absolute paths that were opened for writing."""
    interpreters: int = 0
    """Python processes that were watched."""
    python: Mapping[str, str] = field(default_factory=dict)
    """Of the last of them."""
    packages: set[Package] = field(default_factory=set)
    mlflow: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True
    """False when notes were malformed, or too many to read."""


def watched(environment: Mapping[str, str], trace: Path) -> dict[str, str]:
    """The environment in which Python processes take notes."""
    path = environment.get("PYTHONPATH")
    return {
        **environment,
        "PYTHONPATH": f"{HOOK}:{path}" if path else str(HOOK),
        VARIABLE: str(trace),
    }


def read_trace(path: Path) -> Trace:
    """The notes in a file."""
    trace = Trace()
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    trace.whole = len(data) <= MAX_BYTES
    for line in data[:MAX_BYTES].splitlines():
        try:
            for kind, value in _entries(line):
                _take(trace, kind, value)
        except (ValueError, TypeError, KeyError, InputError):
            trace.whole = False
    return trace


def _entries(line: bytes) -> Iterator[tuple[str, Any]]:
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise TypeError("not an object")
    if "open" in entry:
        yield ("write" if entry["write"] is True else "read"), _text(entry["open"])
    else:
        yield from entry.items()


def _take(trace: Trace, kind: str, value: Any) -> None:
    if kind == "read":
        trace.read.add(value)
    elif kind == "write":
        trace.written.add(value)
    elif kind == "python":
        trace.interpreters += 1
        trace.python = {str(k): _text(v)[:400] for k, v in value.items()}
    elif kind == "package":
        name, version, record = value
        digest = None if record is None else Digest("sha256", record)
        if len(trace.packages) >= MAX_PACKAGES:
            raise ValueError("too many packages")
        trace.packages.add(Package(_text(name)[:200], _text(version)[:200], digest))
    elif kind == "mlflow":
        trace.mlflow = {f"mlflow.{k.removeprefix('mlflow.')}": _text(v) for k, v in value.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
