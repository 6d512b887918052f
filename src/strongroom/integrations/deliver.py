"""Delivery: a verified version's files in a folder from which a server starts, whole or not at all.

Two layouts: the files as they are, or the snapshot layout of Hugging Face's cache.

A folder that is absent or empty is replaced by one that was filled beside it, in one rename. A
mount point cannot be replaced, as in a pod: there the draft lies within, a list of what is about to
be moved is written first, and whoever comes after a crash clears by that list and starts again.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from strongroom.assess.scanner.report import Rating
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError
from strongroom.governance.loader import MANIFEST, read_manifest
from strongroom.integrations.admission import refuse_hazards
from strongroom.integrations.places import checked_path, within
from strongroom.registry.opening import Opened
from strongroom.storage.files import told, write_file

FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750
"""The group may read: in a pod, init container and server share it (fsGroup), not the user."""
_DRAFT: Final = ".strongroom-draft"
_MOVING: Final = ".strongroom-moving"


class Layout(StrEnum):
    """How the files lie in the folder."""

    FILES = "files"
    HF = "hf"


def deliver(opened: Opened, folder: Path, layout: Layout, *, whole: bool) -> tuple[str, ...]:
    """Write a version's model files, or with `whole` all its files. Returns their paths.

    Raises InputError for a folder in use, DeniedError for files that the scanner blocks.
    """
    files = opened.files if whole else model_files(opened.files)
    if not files:
        raise InputError("the version holds no such files", where=opened.seal.system)

    def fill(draft: Path) -> None:
        _write(draft, files)
        refuse_hazards(draft, Rating.UNKNOWN)
        if layout is Layout.HF:
            _into_snapshot(draft, files, opened.seal.system, opened.version.hex[:40])

    _place(folder.absolute(), fill)
    return tuple(files)


def model_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The model's own files, by path below it: what servers expect at the top of their folder."""
    loaded = read_manifest(files[MANIFEST], Path("/"))
    if loaded.system.model is None:
        raise InputError("the manifest declares no model", where=MANIFEST)
    model = loaded.system.model.path.strip("/").removeprefix("./")
    if model in files:
        return {Path(model).name: files[model]}
    return {p[len(model) + 1 :]: data for p, data in files.items() if within(p, model)}


def _write(draft: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        target = draft.joinpath(*checked_path(path).split("/"))
        with told(target):
            target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        write_file(target, data, mode=FILE_MODE)
    with told(draft):
        for folder in (draft, *(p for p in draft.rglob("*") if p.is_dir())):
            folder.chmod(FOLDER_MODE)


def _into_snapshot(draft: Path, files: Mapping[str, bytes], name: str, revision: str) -> None:
    """Source: huggingface_hub's cache: blobs by digest, snapshots of links, refs to revisions."""
    repo = draft / f"models--{name}"
    blobs, snapshot, refs = repo / "blobs", repo / "snapshots" / revision, repo / "refs"
    with told(repo):
        for folder in (repo, blobs, repo / "snapshots", snapshot, refs):
            folder.mkdir(mode=FOLDER_MODE)
        for path, data in files.items():
            blob = blobs / sha256(data).hex
            (draft / path).replace(blob)
            link = snapshot / path
            link.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
        for top in {path.partition("/")[0] for path in files if "/" in path}:
            shutil.rmtree(draft / top)
    write_file(refs / "main", revision.encode(), mode=FILE_MODE)


def _place(folder: Path, fill: Callable[[Path], None]) -> None:
    with told(folder):
        _clear_remains(folder)
        if folder.is_symlink() or (folder.exists() and any(folder.iterdir())):
            raise InputError("the folder is not empty", where=str(folder), fix="name a new one")
        if folder.is_mount():
            _place_within(folder, fill)
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fill(draft)
        with told(folder):
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _place_within(folder: Path, fill: Callable[[Path], None]) -> None:
    draft = folder / _DRAFT
    draft.mkdir(mode=0o700)
    try:
        fill(draft)
        names = sorted(path.name for path in draft.iterdir())
        write_file(folder / _MOVING, json.dumps(names).encode())
        for name in names:
            (draft / name).rename(folder / name)
    except BaseException:
        _clear_remains(folder)
        raise
    draft.rmdir()
    (folder / _MOVING).unlink()


def _clear_remains(folder: Path) -> None:
    """Remove what a delivery that was cut short left here; nothing else is ever removed."""
    moving = folder / _MOVING
    try:
        names = json.loads(moving.read_bytes())
    except FileNotFoundError:
        names = []
    except OSError as error:
        if error.errno != errno.ENOTDIR:
            raise
        names = []
    for name in names:
        path = folder / Path(name).name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    shutil.rmtree(folder / _DRAFT, ignore_errors=True)
    if names:
        moving.unlink()
