"""The ledger: a transparency log in a folder that is itself the C2SP layout.

    checkpoint              the newest signed checkpoint
    tile/<L>/<N>[.p/<W>]    hashes
    tile/entries/<N>[.p/<W>]
    verifier-key            who signs, as a C2SP verifier key line
    journal, lock           the writer's own

Any static web server that serves the folder serves the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Final

from strongroom.domain.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    LimitError,
    StoreError,
    StrongroomError,
)
from strongroom.ledger import merkle
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.files import exclusive, replace, store_errors, sync
from strongroom.ledger.journal import create_journal
from strongroom.ledger.note import NoteSigner, VerifierKey
from strongroom.ledger.proof import TlogProof
from strongroom.ledger.reading import CHECKPOINT, JOURNAL, KEY, LOCK, Snapshot
from strongroom.ledger.tiles import MAX_ENTRY, WIDTH
from strongroom.ledger.verify import Verification, verify_folder
from strongroom.ledger.writer import Writer

MAX_COMMIT: Final = 64 * 1024 * 1024
"""Bytes of entries in one append."""
WAIT: Final = 10.0
"""Seconds to wait for another writer."""


class Ledger:
    """A log, open for reading, and with a signer for appending. Threads may share it."""

    def __init__(
        self, folder: Path, key: VerifierKey, signer: NoteSigner | None, wait: float
    ) -> None:
        """Use `create` and `open`."""
        self.folder = folder
        self.key = key
        self._signer = signer
        self._writer = Writer(folder, key, wait)
        self._one_commit = Lock()
        self._queue = Lock()
        self._waiting: list[tuple[Sequence[bytes], Future[int]]] = []
        self._seen: tuple[bytes, Checkpoint, Snapshot] | None = None

    @classmethod
    def create(cls, folder: Path, origin: str, signer: NoteSigner, *, wait: float = WAIT) -> Ledger:
        """Begin a log named `origin` that `signer` signs for. Raises ConflictError, StoreError."""
        key = VerifierKey(origin, signer.public.raw)
        with store_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(folder / LOCK, wait):
                if (folder / JOURNAL).exists() or (folder / CHECKPOINT).exists():
                    raise ConflictError("there is a ledger already", where=str(folder))
                replace(folder / KEY, f"{key}\n".encode())
                sync(folder / KEY)
                create_journal(
                    folder / JOURNAL, Checkpoint(origin, 0, merkle.EMPTY_ROOT).sign(signer)
                )
        return cls.open(folder, signer, wait=wait)

    @classmethod
    def open(cls, folder: Path, signer: NoteSigner | None = None, *, wait: float = WAIT) -> Ledger:
        """Open a log; with its signer also for appending, after finishing what a crash interrupted.

        `wait` is how many seconds an append waits for another writer. Raises StoreError where there
        is no ledger, IntegrityError where it is damaged, InputError for another log's signer.
        """
        key = read_key(folder)
        if signer is not None and signer.public.raw != key.raw:
            raise InputError(
                f"this key does not sign for {key.name}",
                where=str(folder),
                fix="use the ledger key",
            )
        ledger = cls(folder, key, signer, wait)
        if signer is not None:
            ledger.recover()
        return ledger

    def close(self) -> None:
        """Give files back. A ledger that is not closed loses nothing."""
        with self._one_commit:
            self._writer.close()

    def recover(self) -> None:
        """Publish what is logged but was not published before a crash. Needs no signer."""
        with self._one_commit:
            self._writer.recover()

    def append(self, entries: Sequence[bytes]) -> range:
        """Log entries; they are durable and published when it returns. Gives their indexes.

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
        settled: Future[int] = Future()
        with self._queue:
            self._waiting.append((batch, settled))
        with self._one_commit:
            if not settled.done():
                self._commit_waiting(self._signer)
        first = settled.result()
        return range(first, first + len(batch))

    def _commit_waiting(self, signer: NoteSigner) -> None:
        """Log what all waiting threads brought, and tell each of them."""
        with self._queue:
            group, self._waiting = self._waiting, []
        said: StrongroomError = StoreError("the commit was interrupted", where=str(self.folder))
        try:
            first = self._writer.append([entry for batch, _ in group for entry in batch], signer)
            for batch, settled in group:
                settled.set_result(first)
                first += len(batch)
        except StrongroomError as error:
            said = error
        finally:
            for _, settled in group:
                if not settled.done():
                    settled.set_exception(said)

    @property
    def head(self) -> Checkpoint:
        """The newest published checkpoint, verified. Raises IntegrityError."""
        return self._now()[1]

    @property
    def size(self) -> int:
        """How many entries are published."""
        return self.head.size

    def checkpoint(self) -> bytes:
        """The newest checkpoint as a signed note: keep it, and hold the log to it later."""
        return self._now()[0]

    def entry(self, index: int) -> bytes:
        """One entry. InputError where there is none; `proof` says that it is the right one."""
        return next(self.entries(index, index + 1))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Entries start to stop, in order, read a bundle at a time."""
        _, head, snapshot = self._now()
        stop = head.size if stop is None else stop
        if not 0 <= start <= stop <= head.size:
            raise InputError(f"no entries {start} to {stop} in a ledger of {head.size}")
        return _entries(snapshot, start, stop)

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that prove entry `index` in the tree of `size` entries (all, by default)."""
        _, head, snapshot = self._now()
        size = head.size if size is None else size
        if not 0 <= index < size <= head.size:
            raise InputError(f"no entry {index} in {size} of a ledger of {head.size}")
        return merkle.proof(merkle.inclusion_ranges(index, size), snapshot.node)

    def consistency_proof(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """The hashes that prove that the tree of `new` entries begins with that of `old`."""
        _, head, snapshot = self._now()
        new = head.size if new is None else new
        if not 0 <= old <= new <= head.size:
            raise InputError(f"no sizes {old} and {new} in a ledger of {head.size}")
        return merkle.proof(merkle.consistency_ranges(old, new), snapshot.node)

    def proof(self, index: int) -> bytes:
        """A tlog-proof@v1 file for one entry, checked before it is handed out. IntegrityError."""
        note, head, _ = self._now()
        hashes = self.inclusion_proof(index, head.size)
        leaf = merkle.leaf_hash(self.entry(index))
        if not merkle.verify_inclusion(leaf, index, head.size, hashes, head.root):
            raise IntegrityError(
                f"entry {index} or the tiles above it are not what was logged",
                where=str(self.folder),
                fix="strongroom ledger verify says which",
            )
        return TlogProof(index, hashes, note).to_bytes()

    def verify(self, key: VerifierKey | None = None, *, older: bytes | None = None) -> Verification:
        """Derive everything again from the entries and compare; see `verify.verify_folder`."""
        return verify_folder(self.folder, self.key if key is None else key, older=older)

    def _now(self) -> tuple[bytes, Checkpoint, Snapshot]:
        path = self.folder / CHECKPOINT
        with store_errors(path):
            note = path.read_bytes()
        seen = self._seen
        if seen is None or seen[0] != note:
            head = Checkpoint.open(note, self.key, where=str(path))
            seen = self._seen = (note, head, Snapshot(self.folder, head.size))
        return seen


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
    for entry in batch:
        if not isinstance(entry, bytes):
            raise InputError(
                f"an entry is bytes, not {type(entry).__name__}", fix="append([entry])"
            )
        if len(entry) > MAX_ENTRY:
            raise LimitError(f"an entry of {len(entry)} bytes, {MAX_ENTRY} allowed")
    if sum(map(len, batch)) > MAX_COMMIT:
        raise LimitError(f"more than {MAX_COMMIT} bytes in one append", fix="append in parts")
    return batch
