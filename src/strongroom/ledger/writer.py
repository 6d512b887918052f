"""Writing to the log, in an order that a crash cannot spoil.

1. Take the lock, catch up with what other processes logged.
2. Hash the entries onto the right edge, sign the checkpoint.
3. Write entries and checkpoint to the journal, sync it, mark it: **now they are logged**, and every
   reader of ours sees them.
4. Publish for everybody else, at most once in `pace` seconds and when closed: full tiles and
   bundles, then partial ones, then the checkpoint.
5. Remove the partial tiles that full ones have replaced.

A crash before 3 loses what nobody was told of; after it, the next writer does 4 and 5. When the
journal is long it is folded: what it made is published, one sync makes all of it durable, and a
new journal begins there. What that needs of the tiles is never removed before the next folding.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.files import (
    exclusive,
    holds,
    is_there,
    replace,
    store_errors,
    sync_file_system,
    write_new,
)
from strongroom.ledger.journal import ROOM, SHORT, Commit, Journal, create_journal
from strongroom.ledger.note import NoteSigner, VerifierKey
from strongroom.ledger.reading import CHECKPOINT, JOURNAL, LOCK
from strongroom.ledger.tail import Tail
from strongroom.ledger.tiles import Tile

log = logging.getLogger(__name__)


class Writer:
    """The one hand that writes, among however many processes. One thread at a time."""

    def __init__(self, folder: Path, key: VerifierKey, *, wait: float, pace: float) -> None:
        self._folder = folder
        self._lock = folder / LOCK
        self._key = key
        self._wait = wait
        self._pace = pace
        self._tail: Tail | None = None
        self._shown = 0
        """How many of the tail's finished tiles are published."""
        self._process = os.getpid()
        self._published_at = -pace
        self._behind = False
        """Whether something is logged that is not published."""
        self._distrusted = False
        """After a failed write or sync, what the system says is on disk may not be there."""

    def append(self, entries: Sequence[bytes], signer: NoteSigner) -> int:
        """Log entries in one commit; gives the index of the first. StoreError, ConflictError."""
        with store_errors(self._folder), exclusive(self._lock, self._wait):
            try:
                tail = self._catch_up()
                first = tail.edge.size
                commit = Commit.of(b"", entries)
                tail.extend(commit)
                head = Checkpoint(self._key.name, tail.edge.size, tail.edge.root)
                note = head.sign_as(self._key, signer)
                tail.journal.append(Commit(note, commit.framed, commit.leaves))
                tail.head, tail.note, self._behind = head, note, True
            except BaseException:
                self._forget()
                self._distrusted = True
                raise
            self._publish_at_leisure(tail)
            return first

    def publish(self) -> None:
        """Let everybody see what is logged; finishes what a crash interrupted.

        Raises IntegrityError where journal, tiles and checkpoint differ in a way no crash explains.
        """
        with store_errors(self._folder), exclusive(self._lock, self._wait):
            try:
                tail = self._catch_up()
                if tail.journal.end >= SHORT:
                    self._tail = self._fold(tail)
                elif self._behind:
                    self._publish(tail)
            except BaseException:
                self._forget()
                raise

    def close(self, wait: float | None = None) -> None:
        """Publish what is not yet, and give files back; `wait` instead of the usual seconds."""
        self._wait = self._wait if wait is None else wait
        try:
            if self._process == os.getpid() and self._unfinished:
                self.publish()
        finally:
            self._forget()

    @property
    def _unfinished(self) -> bool:
        long = self._tail is not None and self._tail.journal.end >= SHORT
        return self._behind or long

    def _forget(self) -> None:
        """Let go of all that is in memory; the next append reads it again."""
        if self._tail is not None:
            self._tail.journal.close()
        self._tail, self._shown, self._process = None, 0, os.getpid()

    def _catch_up(self) -> Tail:
        tail = self._tail
        if tail is None or self._process != os.getpid() or not tail.journal.current:
            self._forget()
            tail = self._tail = Tail.open(self._folder, self._key, writable=True)
            self._look_at_published(tail)
        elif tail.read_on(self._key):
            self._look_at_published(tail)
        if tail.journal.end >= ROOM or self._distrusted:
            tail = self._tail = self._fold(tail)
        return tail

    def _look_at_published(self, tail: Tail) -> None:
        """Find out what there is to publish, after others wrote or a crash came."""
        path = self._folder / CHECKPOINT
        note = path.read_bytes() if path.exists() else b""
        shown = Checkpoint.open(note, self._key, where=str(path)) if note else None
        if shown is not None and shown.size > tail.head.size:
            raise IntegrityError(
                f"the journal ends at {tail.head.size} entries, {shown.size} were published: it"
                " is damaged or was put back",
                where=str(self._folder / JOURNAL),
                fix="strongroom ledger verify says what is left",
            )
        if shown is not None and shown.size == tail.head.size and shown.root != tail.head.root:
            raise IntegrityError("checkpoint and journal differ", where=str(path))
        tail.journal.mark()
        self._behind = shown is None or shown.size < tail.head.size or self._lost(tail)

    def _lost(self, tail: Tail) -> bool:
        """Whether a crash kept a published tile from the disk: it is missing or short.

        A crash never leaves a tile changed; such a one is left alone, for `verify` to find.
        """
        return any(
            not is_there(self._folder / tile.path, len(data))
            for tile, data in (*tail.finished, *tail.edge.partial())
        )

    def _publish_at_leisure(self, tail: Tail) -> None:
        """Publish if it is time. That it cannot be shown yet does not undo what was logged.

        The next append, or `close`, tries again.
        """
        if time.monotonic() - self._published_at < self._pace:
            return
        try:
            self._publish(tail)
        except OSError as error:
            log.warning("logged %d entries, but cannot publish: %s", tail.head.size, error)

    def _publish(self, tail: Tail) -> None:
        full = tail.finished[self._shown :]
        for tile, data in (*full, *tail.edge.partial()):
            write_new(f"{self._folder}/{tile.path}", data)
        replace(self._folder / CHECKPOINT, tail.note)
        self._shown = len(tail.finished)
        self._remove_partial(tile for tile, _ in full if tile not in tail.needed)
        self._published_at = time.monotonic()
        self._behind = False

    def _remove_partial(self, full: Iterable[Tile]) -> None:
        for tile in full:
            folder = Path(f"{self._folder}/{tile.path}.p")
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)

    def _fold(self, tail: Tail) -> Tail:
        """Make durable in the tiles all that the journal holds, then begin a new one.

        The journal's copy goes: so every tile must hold what it says, whatever came over the disk.
        """
        self._publish(tail)
        paths = []
        for tile, data in (*tail.finished, *tail.edge.partial()):
            paths.append(path := f"{self._folder}/{tile.path}")
            if self._distrusted or not holds(path, data):
                log.warning("%s is written again from the journal", path)
                replace(Path(path), data)
        sync_file_system(self._folder, map(Path, paths))
        create_journal(self._folder / JOURNAL, tail.note)
        tail.journal.close()
        self._remove_partial(tile for tile, _ in tail.finished if tile in tail.needed)
        self._distrusted, self._shown = False, 0
        journal = Journal(self._folder / JOURNAL, writable=True)
        journal.read(interrupted=True)
        return Tail(self._folder, journal, tail.head, tail.note, tail.edge)
