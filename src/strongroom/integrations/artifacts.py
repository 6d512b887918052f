"""Artifact roots: files kept sealed in a home, under a signed list that is complete.

1. Each file is sealed under the root's data key, bound to root and path, and kept as an object.
2. The new list of all files is signed, indexed and logged in one step; of two writers who start
   from the same list, one is told and starts again. Until then nothing has changed.
3. What no list names any more is deleted.

So a writer killed at any time leaves the old list or the new one, and perhaps sealed objects that
nobody can find. A reader verifies the list, then opens each file and compares its digest: what was
changed, added, removed, renamed or put back from an earlier time is an error that names the file.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from sqlalchemy import Connection

from strongroom.domain.errors import (
    ConflictError,
    DeniedError,
    InputError,
    IntegrityError,
    LimitError,
)
from strongroom.home import index
from strongroom.home.home import Home
from strongroom.integrations.holding import HOLDING_TYPE, Holding, newest
from strongroom.integrations.places import checked_path, within
from strongroom.integrations.streams import Digesting
from strongroom.integrations.vouching import SIGNER
from strongroom.keys.sealing import context_of, new_key, open_stream, sealed_chunks
from strongroom.registry.statements import SealedFile
from strongroom.storage.files import told

MAX_FILES: Final = 10_000
"""In one root: its list is signed as a whole."""
TRIES: Final = 20
"""How often a writer starts again because others were first."""


_Change: TypeAlias = Callable[[dict[str, SealedFile]], dict[str, SealedFile]]


class Artifacts:
    """A folder of artifacts: a root of a home, or a folder within one."""

    def __init__(self, home: Home, root: str, inner: str = "") -> None:
        """`inner` is where the folder lies within the root; all paths are below that."""
        self._home = home
        self.root = checked_path(root)
        self.inner = inner

    @classmethod
    def at(cls, home: Home, place: str) -> Artifacts:
        """The folder at a place: within the innermost root that is there, or a new root."""
        parts = checked_path(place).split("/")
        for count in range(len(parts), 0, -1):
            root = "/".join(parts[:count])
            if next(home.records(HOLDING_TYPE, system=root), None) is not None:
                return cls(home, root, "/".join(parts[count:]))
        return cls(home, place)

    def path(self, path: str | None) -> str:
        """A path of the folder as the root's list has it."""
        return "/".join(part for part in (self.inner, path) if part)

    def now(self) -> Holding | None:
        """What the root holds, verified; None when nothing was ever put there."""
        return newest(self._home, self.root)

    def add(self, sources: Mapping[str, Path]) -> None:
        """Seal files under their paths, over those that are there. All of them or none.

        Raises InputError for a path or file that cannot be taken, StoreError, KeyAccessError.
        """
        sources = {self.path(checked_path(path)): file for path, file in sources.items()}
        key, first = self._key()
        made = self._seal_all(sources, key)
        try:
            self._change(lambda files: {**files, **{f.path: f for f in made}}, first)
        except (DeniedError, InputError):  # raised before anything could refer to them
            self._delete(made)
            raise

    def remove(self, path: str | None) -> None:
        """Forget a file, all below a folder, or everything. Raises InputError for nothing."""
        holding, inner = self.now(), self.path(path)
        if holding is None or not holding.below(inner):
            raise InputError("no such artifact", where=f"{self.root}/{inner}")
        self._change(
            lambda files: {p: f for p, f in files.items() if not within(p, inner)}, holding
        )

    def freeze(self) -> Holding:
        """Let nobody change the root any more, and return what it holds for good."""
        while not (holding := self._present()).frozen:
            self._record(
                replace(holding, number=holding.number + 1, frozen=True, at=self._home.clock()),
                holding,
            )
        return holding

    def open_to(self, files: Sequence[SealedFile], holding: Holding, folder: Path) -> None:
        """Open files of a list into a folder of ours that is empty or absent, each verified.

        If this is the place of one file, it is opened to the very path `folder`.

        Raises IntegrityError that names the file; what was written by then is to be thrown away.
        """
        key = self._unwrap(holding)
        for file in files:
            below = file.path.removeprefix(self.inner).lstrip("/")
            target = folder.joinpath(*below.split("/")) if below else folder
            with told(target):
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as out, self._home.objects.open(file.object) as sealed:
                    plain = Digesting(out)
                    context, where = self._context(file.path), f"{self.root}/{file.path}"
                    open_stream(sealed, cast("BinaryIO", plain), key, context, where=where)
            if (plain.digest, plain.size) != (file.digest, file.size):
                raise IntegrityError("not the file that the signed list names", where=where)

    # --- within

    def _present(self) -> Holding:
        holding = self.now()
        if holding is None:
            raise InputError("no artifacts there", where=self.root)
        return holding

    def _key(self) -> tuple[bytes, Holding]:
        """The root's data key, and the list that carries it: a new, empty one for a new root."""
        holding = self.now()
        if holding is not None:
            return self._unwrap(holding), holding
        key, kms = new_key(), self._home.kms
        wrapped = kms.wrap(key, context_of(root=self.root), name=self._wrapping_key())
        return key, Holding(self.root, 0, (), wrapped, kms.uri, at=self._home.clock())

    def _unwrap(self, holding: Holding) -> bytes:
        return self._home.kms.unwrap(holding.wrapped_key, context_of(root=self.root))

    def _wrapping_key(self) -> str:
        """One for all roots below the same first name: destroying it shreds them all."""
        name = self.root.partition("/")[0]
        return f"artifacts-{hashlib.sha256(name.encode()).hexdigest()[:40]}"

    def _context(self, path: str) -> bytes:
        return context_of(root=self.root, path=path)

    def _seal_all(self, sources: Mapping[str, Path], key: bytes) -> list[SealedFile]:
        made: list[SealedFile] = []
        try:
            for path, source in sorted(sources.items()):
                made.append(self._seal(path, source, key))
        except BaseException:  # also an interrupt: nothing refers to these yet
            self._delete(made)
            raise
        return made

    def _seal(self, path: str, source: Path, key: bytes) -> SealedFile:
        with _regular(source) as file:
            reader = Digesting(file)
            chunks = sealed_chunks(cast("BinaryIO", reader), key, self._context(path))
            name = self._home.objects.put(chunks)
        return SealedFile(path, reader.digest, reader.size, name)

    def _change(self, change: _Change, seen: Holding) -> None:
        """Sign the changed list. `seen` is the list whose data key the change was made with."""
        for _ in range(TRIES):
            before = self.now() or seen
            if seen.number and before.wrapped_key != seen.wrapped_key:
                raise IntegrityError("the root's key was replaced meanwhile", where=self.root)
            if not seen.number and before.number:
                raise ConflictError("another process made this root meanwhile", where=self.root)
            if before.frozen:
                raise DeniedError(
                    "what was promoted does not change", where=self.root, fix="log a new version"
                )
            files = change({file.path: file for file in before.files})
            after = Holding(
                self.root,
                before.number + 1,
                tuple(files[path] for path in _fitting(files)),
                before.wrapped_key,
                before.kms,
                at=self._home.clock(),
            )
            if self._record(after, before):
                kept = {file.object for file in after.files}
                self._delete([file for file in before.files if file.object not in kept])
                return
        raise ConflictError("too many writers at once", where=self.root, fix="try again")

    def _record(self, after: Holding, before: Holding) -> bool:
        """Whether the new list follows the one it was made from: False when another was first."""
        statement = after.to_statement()

        def follow(connection: Connection) -> None:
            if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyhow
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7309940833415917166)")
            wanted = {"kind": HOLDING_TYPE, "system": self.root, "check": None}
            rows = index.search(connection, wanted, newest_first=True)
            if len(rows) != before.number + 1:  # ours is among them
                raise _Overtaken("another list was first", where=self.root)

        try:
            self._home.record(statement, SIGNER, within=follow)
        except _Overtaken:
            return False
        return True

    def _delete(self, files: Sequence[SealedFile]) -> None:
        for file in files:
            self._home.objects.delete(file.object)


class _Overtaken(ConflictError):
    """Another writer's list came first."""


def _fitting(files: Mapping[str, SealedFile]) -> list[str]:
    """The paths, sorted, if a folder on disk can hold them. Raises InputError, LimitError."""
    if len(files) > MAX_FILES:
        raise LimitError(
            f"{len(files)} files, {MAX_FILES} allowed in one root", fix="log an archive of them"
        )
    folders = {path[:i] for path in files for i, letter in enumerate(path) if letter == "/"}
    if clash := sorted(folders & set(files)):
        raise InputError("both a file and a folder", where=clash[0], fix="choose another name")
    return sorted(files)


def folder_sources(folder: Path, prefix: str = "") -> dict[str, Path]:
    """Artifact path → file, for all below a folder. Raises InputError for links and devices."""
    found: dict[str, Path] = {}
    with told(folder):
        if not folder.is_dir() or folder.is_symlink():
            raise InputError("not a folder", where=str(folder))
        for item in sorted(folder.rglob("*")):
            if item.is_symlink() or not (item.is_dir() or item.is_file()):
                raise InputError("a link or a device", where=str(item), fix="copy the file")
            if item.is_file():
                path = item.relative_to(folder).as_posix()
                found[checked_path(f"{prefix}/{path}" if prefix else path)] = item
            if len(found) > MAX_FILES:
                raise LimitError(f"more than {MAX_FILES} files", where=str(folder))
    return found


@contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    """A file's bytes; never those of a pipe or a device, which may not end."""
    with told(path):
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("not a regular file", where=str(path))
        with path.open("rb") as file:
            yield file
