"""Where a manifest's artifacts lie, and the digests that evidence and decisions bind to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from strongroom.domain.digests import Digest, sha256_of_tree
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.statement import Subject
from strongroom.governance.loader import Loaded
from strongroom.governance.manifest import System

MAX_FILES = 10_000
"""Files in one artifact that is a folder."""


def declared_paths(system: System) -> Mapping[str, str]:
    """Relative path by artifact name, for what the manifest declares.

    Names are `model`, `data.train`, `data.test`, `texts`, `dependencies`.
    """
    paths: dict[str, str] = {}
    if system.model:
        paths["model"] = system.model.path
    if system.data:
        paths["data.train"] = system.data.train.path
        paths["data.test"] = system.data.test.path
    if system.texts:
        paths["texts"] = system.texts
    if system.dependencies:
        paths["dependencies"] = system.dependencies
    return paths


def artifact_path(loaded: Loaded, name: str) -> Path:
    """The file or folder, which must lie below the manifest's folder once links are followed."""
    declared = declared_paths(loaded.system).get(name)
    if declared is None:
        raise InputError(f"the manifest declares no {name}", fix=f"add {name} to strongroom.yaml")
    path = loaded.file(declared)
    if path == loaded.folder:
        raise InputError(f"{name} is the manifest's own folder", where=declared, fix="name a file")
    if not path.exists():
        raise InputError(f"{name} is not there", where=declared, fix="make it, or mend the path")
    return path


def artifact_files(path: Path) -> tuple[Path, ...]:
    """The regular files of an artifact, sorted; a link or a device in a folder is refused."""
    if path.is_file():
        return (path,)
    found = sorted(p for p in path.rglob("*") if p.is_symlink() or not p.is_dir())
    if len(found) > MAX_FILES:
        raise LimitError(f"{len(found)} files, {MAX_FILES} allowed", where=str(path))
    for item in found:
        if item.is_symlink() or not item.is_file():
            raise InputError("neither a file nor a folder", where=str(item), fix="copy the file")
    return tuple(found)


def digest_artifact(path: Path) -> Digest:
    """SHA-256 of a file, or of a folder's tree."""
    if path.is_file():
        return _digest_file(path)
    files = {p.relative_to(path).as_posix(): _digest_file(p) for p in artifact_files(path)}
    if not files:
        raise InputError("an empty folder", where=str(path), fix="put the artifact there")
    return sha256_of_tree(files)


def subjects_of(loaded: Loaded) -> tuple[Subject, ...]:
    """The manifest and everything it declares, each with its digest, sorted by name."""
    named = {
        name: digest_artifact(artifact_path(loaded, name)) for name in declared_paths(loaded.system)
    }
    named["manifest"] = loaded.digest
    return tuple(Subject(name, named[name]) for name in sorted(named))


def _digest_file(path: Path) -> Digest:
    try:
        with path.open("rb") as file:
            return Digest("sha256", hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
