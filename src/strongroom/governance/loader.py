"""Reads `strongroom.yaml`: every problem at once, each with file, line, field and fix."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError
from strongroom.governance.manifest import System
from strongroom.governance.paths import below
from strongroom.governance.problems import Path as Field
from strongroom.governance.problems import as_error, dotted, line_of
from strongroom.governance.rules import broken_rules
from strongroom.governance.schema import json_schema
from strongroom.governance.shape import shape
from strongroom.governance.strict_yaml import MAX_BYTES, read_yaml

__all__ = ["MANIFEST", "Loaded", "json_schema", "load_manifest", "read_manifest"]

MANIFEST: Final = "strongroom.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A manifest that holds together, and where it came from."""

    system: System
    folder: Path
    """Absolute; every path in the manifest is below it."""
    digest: Digest
    """SHA-256 of the source."""
    source: bytes
    name: str = MANIFEST
    """The manifest's file name, for messages."""
    lines: Mapping[Field, int] = field(default_factory=dict, repr=False, compare=False)

    def file(self, relative: str) -> Path:
        """Where a path of the manifest lies once links are followed.

        Raises InputError if that is outside the folder; the file need not exist.
        """
        return below(self.folder, relative)

    def where(self, *at: str | int) -> str:
        """`strongroom.yaml:12 data.schema.target`: where a reader finds a field."""
        return f"{self.name}:{line_of(at, self.lines)} {dotted(at)}".rstrip()


def load_manifest(path: Path) -> Loaded:
    """Load a manifest from its file, or from a folder that holds a `strongroom.yaml`.

    Raises InputError with every problem found, each with its line, field and fix.
    """
    if path.is_dir():
        path = path / MANIFEST
    return read_manifest(_read(path), path.parent.resolve(), name=str(path))


def read_manifest(source: bytes, folder: Path, *, name: str = MANIFEST) -> Loaded:
    """A manifest from untrusted bytes, whose paths lie below `folder`. Raises InputError."""
    tree = read_yaml(source)
    if tree.problems:
        raise as_error(tree.problems, tree.lines, name)
    system, problems = shape(tree.value)
    problems += broken_rules(tree.value, system, folder)
    if system is None or problems:
        raise as_error(problems, tree.lines, name)
    return Loaded(system, folder, sha256(source), source, name, tree.lines)


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("not a regular file", where=str(path))
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(
            "no manifest here",
            where=str(path),
            fix="run `strongroom init` in the folder with your model and data",
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
