"""The journal of a campaign on disk: one JSON line for each thing that happened, synced.

One process at a time writes, under a lock that the kernel frees for the dead. A last line that was
cut off by a kill is not there: what it said had not been done for sure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from strongroom.assess.campaign import Ended, Line, Planned, Scope, Started
from strongroom.domain.canonical import canonical, digest_of, parse_json, parse_time
from strongroom.domain.errors import InputError, StoreError
from strongroom.domain.outcome import Outcome
from strongroom.home.locks import held
from strongroom.storage.files import told

_KINDS: Final = {"planned": Planned, "started": Started, "ended": Ended}
_FOLDER: Final = "campaigns"
MAX_BYTES: Final = 256 * 2**20


class Journal:
    """Lines of one campaign; open with `opened`."""

    def __init__(self, path: Path, file: BinaryIO, lines: tuple[Line, ...]) -> None:
        self.lines = lines
        """Those that were there when it was opened."""
        self._path = path
        self._file = file

    def add(self, line: Line) -> None:
        """Write it so that a kill or a power cut after this leaves it there. Raises StoreError."""
        kind = next(name for name, made in _KINDS.items() if isinstance(line, made))
        with told(self._path):
            self._file.write(canonical({"kind": kind, "line": line}) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


@contextmanager
def opened(home: Path, scope: Scope) -> Iterator[Journal]:
    """The journal of that scope, made if need be.

    Raises ConflictError when another process runs the same campaign, StoreError, InputError.
    """
    path = home / _FOLDER / f"{scope.digest.hex[:16]}.jsonl"
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with held(path.with_suffix(".lock"), patience=1.0), told(path):
        whole = _whole_lines(path)
        lines = tuple(_read(text, str(path)) for text in whole.splitlines())
        with path.open("ab") as file:
            file.truncate(len(whole))
            with Journal(path, file, lines) as journal:
                yield journal


@contextmanager
def alone_with(home: Path, folder: str) -> Iterator[None]:
    """One worker a system: what a killed campaign left running is waited for."""
    path = home / _FOLDER
    with told(path):
        path.mkdir(parents=True, exist_ok=True)
    with held(path / f"{digest_of(folder).hex[:16]}.system.lock"):
        yield


def _whole_lines(path: Path) -> bytes:
    if not path.exists():
        return b""
    if path.stat().st_size > MAX_BYTES:
        raise StoreError(f"more than {MAX_BYTES} bytes", where=str(path), fix="delete it")
    data = path.read_bytes()
    return data[: data.rfind(b"\n") + 1]


def _read(text: bytes, where: str) -> Line:
    raw = parse_json(text, where=where)
    try:
        kind, line = raw["kind"], dict(raw["line"])
        line["at"] = parse_time(line["at"])
        if kind == "ended":
            return _ended(line)
        made: Planned | Started = _KINDS[kind](**line)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"malformed line: {error!r}", where=where, fix="delete it: evidence is kept elsewhere"
        ) from error
    return made


def _ended(line: dict[str, Any]) -> Ended:
    passed, failed, unknown = (int(n) for n in line.pop("counts"))
    return Ended(
        **{**line, "outcome": Outcome(line["outcome"]), "counts": (passed, failed, unknown)}
    )
