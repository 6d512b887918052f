"""Sealing: the files of a version, encrypted under a key of their own, into the object store."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from strongroom.domain.digests import Digest, sha256_of, sha256_of_tree
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.domain.statement import Subject
from strongroom.governance.artifacts import artifact_files, artifact_path, declared_paths
from strongroom.governance.loader import MANIFEST, Loaded
from strongroom.keys.sealing import SEGMENT, context_of, sealed_chunks
from strongroom.registry.statements import SealedFile
from strongroom.storage.objects import Objects

SEALED = ("model", "dependencies")
"""Artifacts that a version carries; data sets are bound by digest and stay where they are."""


@dataclass(frozen=True, slots=True)
class Content:
    """The files of a version before they are sealed."""

    sources: Mapping[str, Path | bytes]
    """A file, or the bytes themselves, by path below the manifest's folder; sorted."""
    digests: Mapping[str, Digest]


def content_of(loaded: Loaded, about: tuple[Subject, ...]) -> Content:
    """Manifest, model and dependencies, which must have the digests that were decided about.

    Raises InputError for a system without model, IntegrityError when a file is another by now.
    """
    if loaded.system.model is None:
        raise InputError(
            "the manifest declares no model to seal", where=loaded.name, fix="add a model section"
        )
    decided = {s.name: s.digest for s in about}
    sources: dict[str, Path | bytes] = {MANIFEST: loaded.source}
    digests = {MANIFEST: loaded.digest}
    for name in SEALED:
        if name in declared_paths(loaded.system):
            files = _files_of(loaded, name, decided.get(name))
            sources.update({path: file for path, (file, _) in files.items()})
            digests.update({path: digest for path, (_, digest) in files.items()})
    paths = sorted(sources)
    return Content({p: sources[p] for p in paths}, {p: digests[p] for p in paths})


def seal_content(
    objects: Objects, content: Content, key: bytes, system: str, version: Digest
) -> tuple[SealedFile, ...]:
    """Seal each file. Raises IntegrityError when one changes meanwhile, StoreError."""
    sealed = []
    for path, source in content.sources.items():
        context = file_context(system, version, path)
        with _opened(source) as file:
            reader = _Hashing(file)
            name = objects.put(sealed_chunks(cast("BinaryIO", reader), key, context))
        if reader.digest != content.digests[path]:
            objects.delete(name)
            raise IntegrityError("the file changed while it was being sealed", where=path)
        sealed.append(SealedFile(path, reader.digest, reader.size, name))
    return tuple(sealed)


def file_context(system: str, version: Digest, path: str) -> bytes:
    """What a sealed file is bound to: moved to any other place, it does not open."""
    return context_of(system=system, version=str(version), path=path)


def _files_of(
    loaded: Loaded, name: str, decided: Digest | None
) -> Mapping[str, tuple[Path, Digest]]:
    """Path below the manifest's folder → file and digest, checked against the decision's."""
    root, artifact = loaded.folder.resolve(), artifact_path(loaded, name)
    digests = {file: _digest(file) for file in artifact_files(artifact)}
    whole = digests.get(artifact) or sha256_of_tree(
        {file.relative_to(artifact).as_posix(): digest for file, digest in digests.items()}
    )
    if whole != decided:
        raise IntegrityError(
            f"the {name} is not the one that was decided about",
            where=str(artifact),
            fix="run `strongroom assess` and `strongroom gate` again",
        )
    return {f.relative_to(root).as_posix(): (f, digest) for f, digest in digests.items()}


def _digest(file: Path) -> Digest:
    with _opened(file) as source:
        return sha256_of(iter(lambda: source.read(SEGMENT), b""))


@contextmanager
def _opened(source: Path | bytes) -> Iterator[io.BufferedIOBase]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(source)) from error
    with file:
        yield file


class _Hashing(io.RawIOBase):
    """Reads through to a file, and knows the digest and size of what was read."""

    def __init__(self, source: io.BufferedIOBase) -> None:
        self._source = source
        self._state = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = self._source.readinto(view)
        self._state.update(view[:count])
        self.size += count
        return count

    @property
    def digest(self) -> Digest:
        return Digest("sha256", self._state.hexdigest())
