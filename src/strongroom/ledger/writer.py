"""Writing to the log, in an order that a crash cannot spoil.

1. Take the lock, catch up with what other processes logged.
2. Hash the entries onto the right edge, sign the checkpoint.
3. Write entries and checkpoint to the journal and sync it: **now they are logged**.
4. Publish: full tiles and bundles, then partial ones, then the checkpoint, each by rename.
5. Remove the partial tiles that full ones have replaced.

A crash before 3 loses what nobody was told of. A crash after it leaves a journal that is ahead of
the checkpoint: step 1 of the next writer does 4 and 5 again. When the journal is full it is folded:
all that was published since is synced, and a new journal begins at the checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.edge import Edge, Named
from strongroom.ledger.files import exclusive, replace, store_errors, sync
from strongroom.ledger.journal import ROOM, Commit, Journal, create_journal
from strongroom.ledger.note import NoteSigner, VerifierKey
from strongroom.ledger.reading import CHECKPOINT, JOURNAL, LOCK, Snapshot
from strongroom.ledger.tiles import WIDTH, encode_bundle, tiles_of


class Writer:
    """The one hand that writes, among however many processes. One thread at a time."""

    def __init__(self, folder: Path, key: VerifierKey, wait: float) -> None:
        self._folder = folder
        self._key = key
        self._wait = wait
        self._journal: Journal | None = None
        self._edge = Edge()
        self._base = 0
        """Size of the log where the journal begins: all before it is synced in the tiles."""
        self._note = b""
        """The newest signed checkpoint."""
        self._distrusted = False
        """After a failed write or sync, what the system says is on disk may not be there."""

    def append(self, entries: Sequence[bytes], signer: NoteSigner) -> int:
        """Log entries in one commit; gives the index of the first. StoreError, ConflictError."""
        with store_errors(self._folder), exclusive(self._folder / LOCK, self._wait):
            try:
                journal = self._catch_up()
                first = self._edge.size
                finished = self._edge.extend(entries)
                head = Checkpoint(self._key.name, self._edge.size, self._edge.root)
                self._note = head.sign(signer)
                journal.append(Commit(self._note, tuple(entries)))
                self._publish(finished)
            except BaseException:
                self.close()
                self._distrusted = True
                raise
            return first

    def recover(self) -> None:
        """Finish what a crash interrupted. IntegrityError where that is not what happened."""
        with store_errors(self._folder), exclusive(self._folder / LOCK, self._wait):
            self.close()
            self._catch_up()

    def close(self) -> None:
        """Forget what is in memory; the next append reads it again."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _catch_up(self) -> Journal:
        journal, finished = self._journal, list[Named]()
        if journal is None or not journal.current:
            self.close()
            journal, finished = self._load()
            behind = True
        else:
            commits = journal.read()
            behind = bool(commits)
            finished = self._replay(commits)
        if behind:
            shown = self._check_against_journal()
            self._mend(finished, shown)
        if journal.end >= ROOM or self._distrusted:
            journal = self._fold()
        self._journal = journal
        return journal

    def _load(self) -> tuple[Journal, list[Named]]:
        """Open the journal and rebuild the edge from the tiles before it and the commits in it."""
        path = self._folder / JOURNAL
        journal = self._journal = Journal(path, writable=True)
        commits = journal.read()
        if not commits:
            raise IntegrityError("the journal's first commit is damaged", where=str(path))
        base = Checkpoint.open(commits[0].note, self._key, where=str(path))
        self._base, self._note = base.size, commits[0].note
        self._edge = edge_at(self._folder, base.size)
        if self._edge.root != base.root:
            raise IntegrityError(
                f"tiles of the first {base.size} entries do not hash to their checkpoint",
                where=str(self._folder),
                fix="strongroom ledger verify says where",
            )
        return journal, self._replay(commits[1:])

    def _replay(self, commits: Iterable[Commit]) -> list[Named]:
        finished: list[Named] = []
        for commit in commits:
            finished += self._edge.extend(commit.entries)
            self._note = commit.note
        return finished

    def _check_against_journal(self) -> int | None:
        """Never build on a journal that says other things than were signed and published.

        Gives the size of the published checkpoint, None where there is none.
        """
        where = str(self._folder / JOURNAL)
        head = Checkpoint.open(self._note, self._key, where=where)
        if (head.size, head.root) != (self._edge.size, self._edge.root):
            raise IntegrityError("the journal does not hash to its checkpoint", where=where)
        published = read_published(self._folder)
        if published is None:
            return None
        shown = Checkpoint.open(published, self._key, where=str(self._folder / CHECKPOINT))
        if shown.size > head.size:
            raise IntegrityError(
                f"the journal ends at {head.size} entries, {shown.size} were published: it is"
                " damaged or was cut",
                where=where,
                fix="strongroom ledger verify says what is left",
            )
        if shown.size == head.size and shown.root != head.root:
            raise IntegrityError("checkpoint and journal differ", where=where)
        return shown.size

    def _mend(self, finished: Sequence[Named], shown: int | None) -> None:
        """Publish again what a crash can have kept from being published, and nothing else.

        A crash leaves files missing or short, never changed: those are left for `verify` to find.
        """
        for tile, data in (*finished, *self._edge.partial()):
            path = self._folder / tile.path
            if not path.exists() or path.stat().st_size < len(data):
                replace(path, data)
        if shown != self._edge.size:
            replace(self._folder / CHECKPOINT, self._note)
        self._remove_replaced(finished)

    def _publish(self, finished: Sequence[Named]) -> None:
        for tile, data in (*finished, *self._edge.partial()):
            replace(self._folder / tile.path, data)
        replace(self._folder / CHECKPOINT, self._note)
        self._remove_replaced(finished)

    def _remove_replaced(self, finished: Iterable[Named]) -> None:
        for tile, _ in finished:
            shutil.rmtree(self._folder / f"{tile.path}.p", ignore_errors=True)

    def _fold(self) -> Journal:
        """Sync all that was published since the journal began, then begin a new one."""
        paths = [self._folder / t.path for t in tiles_of(self._edge.size, since=self._base)]
        paths.append(self._folder / CHECKPOINT)
        for path in paths:
            sync(path)
        for folder in sorted({above for path in paths for above in _above(path, self._folder)}):
            sync(folder)
        create_journal(self._folder / JOURNAL, self._note)
        self.close()
        self._base = self._edge.size
        self._distrusted = False
        journal = Journal(self._folder / JOURNAL, writable=True)
        journal.read()
        return journal


def edge_at(folder: Path, size: int) -> Edge:
    """The right edge of the log in `folder` at `size`, from its tiles. Raises IntegrityError."""
    snapshot = Snapshot(folder, size)
    bundle = encode_bundle(snapshot.entries(size // WIDTH)) if size % WIDTH else b""
    return Edge.at(size, snapshot.node, bundle)


def read_published(folder: Path) -> bytes | None:
    """The published checkpoint; None where there is none yet, or a power cut left it empty."""
    try:
        return (folder / CHECKPOINT).read_bytes() or None
    except FileNotFoundError:
        return None


def _above(path: Path, folder: Path) -> Iterable[Path]:
    """The folders from `path` up to and with `folder`."""
    return [parent for parent in path.parents if parent == folder or folder in parent.parents]
