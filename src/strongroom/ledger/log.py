"""The ledger: a transparency log in a folder that is itself the C2SP layout.

    checkpoint              the newest signed checkpoint
    tile/<L>/<N>[.p/<W>]    hashes
    tile/entries/<N>[.p/<W>]
    verifier-key            who signs, as a C2SP verifier key line
    journal, lock           the writer's own

Any static web server that serves the folder serves the log.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from strongroom.domain.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    LimitError,
    StoreError,
)
from strongroom.ledger import merkle
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.files import exclusive, replace_durably, store_errors
from strongroom.ledger.group import GroupCommit
from strongroom.ledger.journal import create_journal
from strongroom.ledger.note import NoteSigner, VerifierKey
from strongroom.ledger.proof import TlogProof
from strongroom.ledger.reading import CHECKPOINT, JOURNAL, KEY, LOCK, Snapshot
from strongroom.ledger.tail import Tail
from strongroom.ledger.tiles import MAX_ENTRY, WIDTH
from strongroom.ledger.verify import Verification, verify_folder
from strongroom.ledger.writer import Writer

MAX_COMMIT: Final = 64 * 1024 * 1024
"""Bytes of entries in one append."""
WAIT: Final = 10.0
"""Seconds to wait for another writer."""
PACE: Final = 1.0
"""Seconds between two publications while entries come in."""


@dataclass(frozen=True, slots=True)
class View:
    """The log at one moment."""

    note: bytes
    head: Checkpoint
    snapshot: Snapshot


class Ledger:
    """A log, open for reading, and with a signer for appending. Threads may share it."""

    def __init__(
        self,
        folder: Path,
        key: VerifierKey,
        signer: NoteSigner | None,
        *,
        wait: float,
        pace: float,
    ) -> None:
        """Use `create` and `open`."""
        self.folder = folder
        self.key = key
        self._signer = signer
        self._group = GroupCommit(Writer(folder, key, wait=wait, pace=pace))
        self._reading = Lock()
        self._tail: Tail | None = None
        self._view: View | None = None
        self._finalizer = weakref.finalize(self, GroupCommit.let_go, self._group)

    @classmethod
    def create(
        cls,
        folder: Path,
        origin: str,
        signer: NoteSigner,
        *,
        wait: float = WAIT,
        pace: float = PACE,
    ) -> Ledger:
        """Begin a log named `origin` that `signer` signs for. Raises ConflictError, StoreError."""
        key = VerifierKey(origin, signer.public.raw)
        with store_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(folder / LOCK, wait):
                if (folder / JOURNAL).exists() or (folder / CHECKPOINT).exists():
                    raise ConflictError("there is a ledger already", where=str(folder))
                replace_durably(folder / KEY, f"{key}\n".encode())
                empty = Checkpoint(origin, 0, merkle.EMPTY_ROOT)
                create_journal(folder / JOURNAL, empty.sign(signer))
        return cls.open(folder, signer, wait=wait, pace=pace)

    @classmethod
    def open(
        cls,
        folder: Path,
        signer: NoteSigner | None = None,
        *,
        wait: float = WAIT,
        pace: float = PACE,
    ) -> Ledger:
        """Open a log; with its signer also for appending, after finishing what a crash interrupted.

        An append waits up to `wait` seconds for another writer, and publishes when `pace` seconds
        went by since the last time. Raises StoreError where there is no ledger, IntegrityError
        where it is damaged, InputError for another log's signer.
        """
        key = read_key(folder)
        if signer is not None and signer.public.raw != key.raw:
            raise InputError(
                f"this key does not sign for {key.name}",
                where=str(folder),
                fix="use the ledger's key",
            )
        ledger = cls(folder, key, signer, wait=wait, pace=pace)
        if signer is not None:
            ledger.publish()
        return ledger

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Publish what is not yet, and give files back. A ledger left open loses nothing."""
        with self._reading:
            self._drop_view()
        self._group.close()

    def publish(self) -> None:
        """Let other C2SP clients see all that is logged; finishes what a crash interrupted.

        Needs no signer. Raises IntegrityError where a crash does not explain what is there.
        """
        self._group.publish()

    def append(self, entries: Sequence[bytes]) -> range:
        """Log entries; they are durable, and seen by readers, when it returns. Gives their indexes.

        Appends that come from several threads at once share one commit. On StoreError they may be
        logged or not: append them again if twice is better than never.
        """
        if self._signer is None:
            raise StoreError(
                "the ledger is open for reading only", where=str(self.folder), fix="give its signer"
            )
        batch = _checked(entries)
        if not batch:
            return range(self.size, self.size)
        first = self._group.append(batch, self._signer)
        return range(first, first + len(batch))

    @property
    def head(self) -> Checkpoint:
        """The newest checkpoint, verified. Raises IntegrityError."""
        return self._now().head

    @property
    def size(self) -> int:
        """How many entries are logged."""
        return self.head.size

    def checkpoint(self) -> bytes:
        """The newest checkpoint as a signed note: keep it, and hold the log to it later."""
        return self._now().note

    def entry(self, index: int) -> bytes:
        """One entry. InputError where there is none; `proof` says that it is the right one."""
        return next(self.entries(index, index + 1))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Entries start to stop, in order, read a bundle at a time."""
        now = self._now()
        stop = now.head.size if stop is None else stop
        if not 0 <= start <= stop <= now.head.size:
            raise InputError(f"no entries {start} to {stop} in a ledger of {now.head.size}")
        return _entries(now.snapshot, start, stop)

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that prove entry `index` in the tree of `size` entries (all, by default)."""
        now = self._now()
        size = now.head.size if size is None else size
        if not 0 <= index < size <= now.head.size:
            raise InputError(f"no entry {index} in {size} of a ledger of {now.head.size}")
        return merkle.proof(merkle.inclusion_ranges(index, size), now.snapshot.node)

    def consistency_proof(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """The hashes that prove that the tree of `new` entries begins with that of `old`."""
        now = self._now()
        new = now.head.size if new is None else new
        if not 0 <= old <= new <= now.head.size:
            raise InputError(f"no sizes {old} and {new} in a ledger of {now.head.size}")
        return merkle.proof(merkle.consistency_ranges(old, new), now.snapshot.node)

    def proof(self, index: int) -> bytes:
        """A tlog-proof@v1 file for one entry, checked before it is handed out. IntegrityError."""
        now = self._now()
        hashes = self.inclusion_proof(index, now.head.size)
        leaf = merkle.leaf_hash(self.entry(index))
        if not merkle.verify_inclusion(leaf, index, now.head.size, hashes, now.head.root):
            raise IntegrityError(
                f"entry {index} or the tiles above it are not what was logged",
                where=str(self.folder),
                fix="strongroom ledger verify says which",
            )
        return TlogProof(index, hashes, now.note).to_bytes()

    def verify(self, key: VerifierKey | None = None, *, older: bytes | None = None) -> Verification:
        """Derive everything again from the entries and compare; see `verify.verify_folder`."""
        return verify_folder(self.folder, self.key if key is None else key, older=older)

    def _now(self) -> View:
        with self._reading, store_errors(self.folder):
            tail = self._tail
            if tail is None or not tail.journal.current:
                self._drop_view()
                tail = self._tail = Tail.open(self.folder, self.key, writable=False)
            elif not tail.read_on(self.key) and self._view is not None:
                return self._view
            self._view = View(tail.note, tail.head, tail.snapshot())
            return self._view

    def _drop_view(self) -> None:
        if self._tail is not None:
            self._tail.journal.close()
        self._tail = self._view = None


def read_key(folder: Path) -> VerifierKey:
    """The verifier key that lies beside a ledger. StoreError where there is no ledger."""
    path = folder / KEY
    try:
        with store_errors(path):
            line = path.read_text("ascii")
    except UnicodeDecodeError as error:
        raise IntegrityError("not a verifier key", where=str(path)) from error
    except StoreError as error:
        if not path.exists():
            raise StoreError("no ledger here", where=str(folder), fix="name the home") from error
        raise
    return VerifierKey.parse(line, where=str(path))


def _entries(snapshot: Snapshot, start: int, stop: int) -> Iterator[bytes]:
    for bundle in range(start // WIDTH, -(-stop // WIDTH)):
        found, first = snapshot.entries(bundle), bundle * WIDTH
        yield from found[max(start - first, 0) : stop - first]


def _checked(entries: Sequence[bytes]) -> tuple[bytes, ...]:
    batch = tuple(entries)
    for kind in set(map(type, batch)):
        if kind is not bytes:
            raise InputError(f"an entry is bytes, not {kind.__name__}", fix="append([entry])")
    longest = max(map(len, batch), default=0)
    if longest > MAX_ENTRY:
        raise LimitError(f"an entry of {longest} bytes, {MAX_ENTRY} allowed")
    if sum(map(len, batch)) > MAX_COMMIT:
        raise LimitError(f"more than {MAX_COMMIT} bytes in one append", fix="append in parts")
    return batch
