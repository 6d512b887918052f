"""The journal: one append-only file whose sync is the moment when entries are logged.

    header sector | commit | commit | … | zeros

A commit is `length (4 bytes, big-endian) | digest (32) | payload`. The payload is the signed
checkpoint after the commit (behind 2 bytes of length), then the entries as in an entry bundle. The
digest is BLAKE3 over the digest of the commit before, the checkpoint, and the leaf hashes of the
entries, so that nothing that was once in the file can be taken for a later commit. The first commit
has no entries: its checkpoint says from where the journal goes on.

The header sector holds the *mark*: where the last commit ends that somebody was told of. A commit
that breaks off beyond it was interrupted; one that is damaged before it was tampered with.

The file is filled with zeros ahead of the commits: most of them then change no metadata, and their
sync is one write to the disk.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blake3 import blake3

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.edge import frames
from strongroom.ledger.files import replace_durably
from strongroom.ledger.merkle import leaf_hashes
from strongroom.ledger.tiles import decode_bundle

HEADER: Final = b"strongroom ledger journal 1\n"
"""The format and its version."""
ROOM: Final = 8 * 1024 * 1024
"""Bytes after which a journal is folded into the tiles, even in the midst of appends."""
SHORT: Final = 1024 * 1024
"""Bytes that a journal may keep when a ledger is closed: who opens it reads them again."""
_STEP: Final = 1024 * 1024
"""Bytes that are filled with zeros at a time."""
_MARK: Final = 64
"""Where the mark stands: 8 bytes, big-endian, so that it is written at once or not."""
_START: Final = 512
_UNMARKED: Final = 2
"""Commits that a power cut can leave beyond the mark: it is synced with the commit after."""
_PREFIX: Final = 4 + 32


@dataclass(frozen=True, slots=True)
class Commit:
    """What one sync made durable."""

    note: bytes
    """The signed checkpoint after it."""
    framed: Sequence[bytes]
    """The entries, each behind its length."""
    leaves: Sequence[bytes]
    """Their leaf hashes."""

    @classmethod
    def of(cls, note: bytes, entries: Sequence[bytes]) -> Commit:
        """A commit of these entries."""
        return cls(note, frames(entries), leaf_hashes(entries))

    def digest(self, before: bytes) -> bytes:
        """Binds it to the commit before."""
        size = len(self.note).to_bytes(4, "big")
        return blake3(b"".join((before, size, self.note, *self.leaves))).digest()

    def encode(self, digest: bytes) -> bytes:
        """As it stands in the journal."""
        length = 2 + len(self.note) + sum(map(len, self.framed))
        head = (length.to_bytes(4, "big"), digest, len(self.note).to_bytes(2, "big"), self.note)
        return b"".join((*head, *self.framed))


class Journal:
    """An open journal. One thread at a time; writing needs the ledger's lock."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        """Open it before its first commit; `read` goes on from there. Raises OSError."""
        self.path = path
        self._fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        sector = os.pread(self._fd, _START, 0)
        if sector != _header(sector[_MARK : _MARK + 8]):
            self.close()
            raise IntegrityError("not a ledger journal of a version known here", where=str(path))
        self.end = _START
        """Where the next commit goes."""
        self._digest = blake3(HEADER).digest()
        self._room = os.fstat(self._fd).st_size

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)

    @property
    def current(self) -> bool:
        """Whether this is still the file of that name: another process may have folded it."""
        there, here = self.path.stat(), os.fstat(self._fd)
        return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)

    def read(self, *, interrupted: bool) -> list[Commit]:
        """The commits from `end` on, and moves there. Raises IntegrityError for a damaged one.

        With `interrupted`, also whole commits that nobody was told of yet: for whoever writes next.
        """
        mark = int.from_bytes(os.pread(self._fd, 8, _MARK), "big")
        if _START < self.end >= mark and not interrupted:
            return []
        stop = os.fstat(self._fd).st_size if interrupted else mark
        data, at, commits = _pread_all(self._fd, stop - self.end, self.end), 0, []
        ends = [self.end]
        while (found := _decode(data, at, self._digest, str(self.path))) is not None:
            commit, self._digest, at = found
            commits.append(commit)
            ends.append(self.end + at)
        self.end = ends[-1]
        if mark not in ends[-_UNMARKED - 1 :] or self.end == _START:
            raise IntegrityError(
                f"damaged or cut at byte {self.end} of {mark}: entries are logged there",
                where=str(self.path),
            )
        return commits

    def append(self, commit: Commit) -> None:
        """Write one commit and wait until it is durable. On OSError nothing may be assumed."""
        digest = commit.digest(self._digest)
        data = commit.encode(digest)
        length = len(data)
        if self.end + length > self._room:
            data = data.ljust(length + _STEP, b"\0")
        rest, at = memoryview(data), self.end
        while rest:
            written = os.pwrite(self._fd, rest, at)
            rest, at = rest[written:], at + written
        os.fdatasync(self._fd)
        self._digest, self.end = digest, self.end + length
        self._room = max(self._room, at)
        self.mark()

    def mark(self) -> None:
        """Note that all up to `end` is logged, before anybody is told."""
        os.pwrite(self._fd, self.end.to_bytes(8, "big"), _MARK)


def create_journal(path: Path, base: bytes) -> None:
    """Begin a journal at the checkpoint `base`, durably and at once, in place of any other."""
    first = Commit(base, (), ())
    digest = first.digest(blake3(HEADER).digest())
    commit = first.encode(digest)
    mark = (_START + len(commit)).to_bytes(8, "big")
    replace_durably(path, (_header(mark) + commit).ljust(_STEP, b"\0"))


def _header(mark: bytes) -> bytes:
    return (HEADER.ljust(_MARK, b"\0") + mark).ljust(_START, b"\0")


def _decode(data: bytes, at: int, before: bytes, where: str) -> tuple[Commit, bytes, int] | None:
    """The commit at `at`, its digest and its end; None where no whole one stands."""
    start = at + _PREFIX
    stop = start + int.from_bytes(data[at : at + 4], "big")
    if stop > len(data) or stop < start + 2:
        return None
    entries_at = start + 2 + int.from_bytes(data[start : start + 2], "big")
    try:
        entries = decode_bundle(data[entries_at:stop], where=where)
    except IntegrityError:
        return None
    commit = Commit.of(data[start + 2 : entries_at], entries)
    digest = commit.digest(before)
    return (commit, digest, stop) if digest == data[at + 4 : start] else None


def _pread_all(fd: int, length: int, at: int) -> bytes:
    parts = []
    while length > 0 and (part := os.pread(fd, length, at)):
        parts.append(part)
        length, at = length - len(part), at + len(part)
    return b"".join(parts)
