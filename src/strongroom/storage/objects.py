"""Content-addressed bytes: an object's name is the SHA-256 of what it holds.

Here in a folder, by `cloud_objects` in a bucket. Write order in a folder: temporary file in the
same tree, fsync, rename, fsync of the folder. So an object is there whole or not at all, whatever
is killed and whenever.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, Final, Protocol
from urllib.parse import unquote, urlsplit

from strongroom.domain.digests import Digest, sha256, sha256_of
from strongroom.domain.errors import InputError, IntegrityError, LimitError, StoreError
from strongroom.storage.files import store_error, sync_folder, told

ABANDONED: Final = 24 * 3600
"""Seconds after which a file that nobody finished is garbage."""
BUCKETS: Final = ("s3", "gs", "az")
"""Schemes of `cloud_objects`."""
_NAME: Final = re.compile(r"[0-9a-f]{64}\Z")
MAX_READ: Final = 64 * 1024 * 1024
"""Bytes that `read` takes into memory unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is there."""

    digest: Digest
    size: int
    at: datetime
    """When it was put there last, by the store's clock."""


class Objects(Protocol):
    """A store of immutable bytes by digest."""

    @property
    def uri(self) -> str:
        """What `objects_from_uri` makes this store from."""
        ...

    def put(self, chunks: Iterable[bytes]) -> Digest:
        """Keep bytes; durable when it returns. The same bytes twice are kept once."""
        ...

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes from their beginning, not checked. Raises StoreError when absent."""
        ...

    def has(self, digest: Digest) -> bool:
        """Whether an object of this name is there."""
        ...

    def delete(self, digest: Digest) -> None:
        """Forget the object; absent is fine."""
        ...

    def path(self, digest: Digest) -> Path | None:
        """A local file that holds the object, if there is one."""
        ...

    def stored(self) -> Iterator[Stored]:
        """All objects, in no order; what is put or deleted meanwhile may be among them or not."""
        ...


def read(objects: Objects, digest: Digest, *, where: str, limit: int = MAX_READ) -> bytes:
    """The whole object, checked against its name.

    Raises IntegrityError when bytes and name differ, LimitError above `limit` bytes, StoreError.
    """
    with objects.open(digest) as source:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise LimitError(f"object {digest.short} is larger than {limit} bytes", where=where)
    if sha256(data) != digest:
        raise IntegrityError(
            f"object {digest.short} holds other bytes than its name says",
            where=where,
            fix="restore the object from a backup, and find out who changed it",
        )
    return data


class FolderObjects:
    """Objects as files: `sha256/9f/86d081…` below one folder."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError when the folder cannot be made."""
        self._folder = folder
        self._incoming = folder / "incoming"
        with told(folder):
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._sweep()

    @property
    def uri(self) -> str:
        """`file:` and the absolute path."""
        return self._folder.absolute().as_uri()

    def put(self, chunks: Iterable[bytes]) -> Digest:
        """See Objects. Nothing stays behind when `chunks` raises."""
        with told(self._folder):
            handle, name = tempfile.mkstemp(dir=self._incoming)
            incoming = Path(name)
            try:
                with os.fdopen(handle, "wb") as target:
                    digest = sha256_of(_copied(chunks, target))
                    target.flush()
                    os.fsync(target.fileno())
                self._adopt(incoming, digest)
            finally:
                incoming.unlink(missing_ok=True)
        return digest

    def open(self, digest: Digest) -> BinaryIO:
        """See Objects."""
        try:
            return self._file(digest).open("rb")
        except FileNotFoundError as error:
            raise StoreError(
                f"object {digest.short} is missing",
                where=str(self._file(digest)),
                fix="restore the objects folder from a backup",
            ) from error
        except OSError as error:
            raise store_error(error, self._file(digest)) from error

    def has(self, digest: Digest) -> bool:
        """See Objects."""
        return self._file(digest).is_file()

    def delete(self, digest: Digest) -> None:
        """See Objects."""
        with told(self._file(digest)):
            self._file(digest).unlink(missing_ok=True)

    def path(self, digest: Digest) -> Path | None:
        """See Objects."""
        return self._file(digest) if self.has(digest) else None

    def stored(self) -> Iterator[Stored]:
        """See Objects. Other files there are none of ours."""
        for path in self._folder.glob("sha256/??/*"):
            name = path.parent.name + path.name
            with told(path), contextlib.suppress(FileNotFoundError):
                if is_name(name) and path.is_file():
                    status = path.stat()
                    at = datetime.fromtimestamp(status.st_mtime, UTC)
                    yield Stored(Digest("sha256", name), status.st_size, at)

    def _sweep(self) -> None:
        """Remove what killed processes left half-written, long ago by the files' own clock."""
        newest = self._incoming.stat().st_mtime
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if newest - path.stat().st_mtime > ABANDONED:
                    path.unlink()

    def _file(self, digest: Digest) -> Path:
        if digest.algorithm != "sha256":
            raise InputError(f"objects are named by sha256, not {digest.algorithm}")
        return self._folder / "sha256" / digest.hex[:2] / digest.hex[2:]

    def _adopt(self, incoming: Path, digest: Digest) -> None:
        """Move into place, also over an object of this name: that mends one that was damaged."""
        target = self._file(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        incoming.chmod(0o400)
        incoming.replace(target)
        for folder in (target.parent, target.parent.parent):
            sync_folder(folder)


def is_name(text: str) -> bool:
    """Whether it is a SHA-256 as objects are named."""
    return _NAME.match(text) is not None


def _copied(chunks: Iterable[bytes], target: IO[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        target.write(chunk)
        yield chunk


def objects_from_uri(uri: str) -> Objects:
    """The store that a URI names: `file:///path`, a bare path, or a bucket.

    Raises InputError, StoreError; MissingExtra for a bucket without the cloud extra.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and not parts.netloc:
        return FolderObjects(Path(unquote(parts.path)))
    if parts.scheme == "" and uri:
        return FolderObjects(Path(uri))
    if parts.scheme in BUCKETS:
        from strongroom.storage.cloud_objects import CloudObjects  # noqa: PLC0415  an extra

        return CloudObjects.from_uri(uri)
    raise InputError(
        f"no object store of scheme {parts.scheme!r}",
        fix="give file:///path/to/folder, s3://bucket/prefix, gs://… or az://…",
    )
