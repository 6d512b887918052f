"""The journal: one append-only file whose sync is the moment when entries are logged.

    header | commit | commit | … | zeros

A commit is `length (4 bytes, big-endian) | digest (32) | payload`; its payload is the signed
checkpoint after it (2 bytes of length before) and the entries as in an entry bundle. The digest is
SHA-256 over the digest of the commit before and the payload, so that nothing that was once in the
file can be taken for a later commit. The first commit has no entries: its checkpoint says from
where the journal goes on.

The file is filled with zeros beforehand: a commit then changes no metadata, its sync is one write
to the disk, and a full disk is noticed before it, not in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.files import TEMPORARY, sync, write_all
from strongroom.ledger.tiles import decode_bundle, encode_bundle

HEADER: Final = b"strongroom ledger journal 1\n"
"""The format and its version."""
ROOM: Final = 1024 * 1024
"""Bytes laid out beforehand; a journal that has used them is folded into the tiles."""
_PREFIX: Final = 4 + 32


@dataclass(frozen=True, slots=True)
class Commit:
    """What one sync made durable."""

    note: bytes
    """The signed checkpoint after it."""
    entries: tuple[bytes, ...]


class Journal:
    """An open journal. One thread at a time; writing needs the ledger's lock."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        """Open it before its first commit; `read` goes on from there. Raises OSError."""
        self.path = path
        self._fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        header = os.pread(self._fd, len(HEADER), 0)
        if header != HEADER:
            self.close()
            raise IntegrityError("not a ledger journal of a version known here", where=str(path))
        self.end = len(HEADER)
        """Where the next commit goes."""
        self._digest = sha256(HEADER).digest()

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)

    @property
    def current(self) -> bool:
        """Whether this is still the file of that name: another process may have folded it."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(self._fd)
        return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)

    def read(self) -> list[Commit]:
        """The whole commits from `end` on, and moves there; stops before a torn one."""
        if not any(os.pread(self._fd, _PREFIX, self.end)):
            return []
        size = os.fstat(self._fd).st_size
        data, at, commits = _pread_all(self._fd, size - self.end, self.end), 0, []
        while (found := _decode(data, at, self._digest)) is not None:
            payload, self._digest, at = found
            commits.append(_parse(payload, str(self.path)))
        self.end += at
        return commits

    def append(self, commit: Commit) -> None:
        """Write one commit and wait until it is durable. On OSError nothing may be assumed."""
        data, digest = _encode(commit, self._digest)
        rest, at = memoryview(data), self.end
        while rest:
            written = os.pwrite(self._fd, rest, at)
            rest, at = rest[written:], at + written
        os.fdatasync(self._fd)
        self._digest, self.end = digest, at


def create_journal(path: Path, base: bytes) -> None:
    """Begin a journal at the checkpoint `base`, durably and at once, in place of any other."""
    first, _ = _encode(Commit(base, ()), sha256(HEADER).digest())
    temporary = path.with_name(path.name + TEMPORARY)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        write_all(fd, (HEADER + first).ljust(ROOM, b"\0"))
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    sync(path.parent)


def _encode(commit: Commit, before: bytes) -> tuple[bytes, bytes]:
    payload = len(commit.note).to_bytes(2, "big") + commit.note + encode_bundle(commit.entries)
    digest = sha256(before + payload).digest()
    return len(payload).to_bytes(4, "big") + digest + payload, digest


def _decode(data: bytes, at: int, before: bytes) -> tuple[bytes, bytes, int] | None:
    """Payload, digest and end of the commit at `at`; None where no whole one stands."""
    start = at + _PREFIX
    stop = start + int.from_bytes(data[at : at + 4], "big")
    if stop > len(data) or stop == start:
        return None
    payload = data[start:stop]
    digest = sha256(before + payload).digest()
    return (payload, digest, stop) if digest == data[at + 4 : start] else None


def _parse(payload: bytes, where: str) -> Commit:
    stop = 2 + int.from_bytes(payload[:2], "big")
    entries: Sequence[bytes] = decode_bundle(payload[stop:], where=where)
    return Commit(payload[2:stop], tuple(entries))


def _pread_all(fd: int, length: int, at: int) -> bytes:
    parts = []
    while length > 0 and (part := os.pread(fd, length, at)):
        parts.append(part)
        length, at = length - len(part), at + len(part)
    return b"".join(parts)
