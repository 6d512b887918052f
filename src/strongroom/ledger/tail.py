"""The tail of the log: what the journal holds beyond the tiles that are synced."""

from __future__ import annotations

from pathlib import Path

from strongroom.domain.errors import IntegrityError
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.edge import Edge, Named
from strongroom.ledger.journal import Commit, Journal
from strongroom.ledger.note import VerifierKey
from strongroom.ledger.reading import JOURNAL, Snapshot
from strongroom.ledger.tiles import WIDTH


class Tail:
    """The newest checkpoint, the edge there, and the tiles that became full on the way.

    Readers and writers both have one. One thread at a time.
    """

    def __init__(
        self, folder: Path, journal: Journal, head: Checkpoint, note: bytes, edge: Edge
    ) -> None:
        """Use `open`, or begin one at a journal that was just created at `head`."""
        self.folder = folder
        self.journal = journal
        self.base = head.size
        """Size of the log where the journal begins."""
        self.head = head
        self.note = note
        """The head as a signed note."""
        self.edge = edge
        self.needed = frozenset(tile.full for tile, _ in edge.partial())
        """Tiles that are partial at the base: the journal begins at those parts."""
        self.finished: list[Named] = []
        """Tiles and bundles that became full since the base."""

    @classmethod
    def open(cls, folder: Path, key: VerifierKey, *, writable: bool) -> Tail:
        """Rebuild it from the journal and the tiles before it. IntegrityError where they differ."""
        journal = Journal(folder / JOURNAL, writable=writable)
        try:
            begin, *commits = journal.read(interrupted=writable)
            head = Checkpoint.open(begin.note, key, where=str(journal.path))
            tail = cls(folder, journal, head, begin.note, _edge_at(folder, head))
            tail._take(commits, key)
        except BaseException:
            journal.close()
            raise
        return tail

    def read_on(self, key: VerifierKey) -> bool:
        """Take in what others logged since. Whether there was any."""
        commits = self.journal.read(interrupted=False)
        self._take(commits, key)
        return bool(commits)

    def snapshot(self) -> Snapshot:
        """The whole log as it is now, for reading."""
        return Snapshot(self.folder, self.head.size, dict(self.finished + self.edge.partial()))

    def extend(self, commit: Commit) -> None:
        """Let the edge grow by the entries of a commit."""
        self.finished += self.edge.extend(commit.framed, commit.leaves)

    def _take(self, commits: list[Commit], key: VerifierKey) -> None:
        """Never build on a journal that says other things than were signed."""
        if not commits:
            return
        for commit in commits:
            self.extend(commit)
        where = str(self.journal.path)
        self.note = commits[-1].note
        self.head = Checkpoint.open(self.note, key, where=where)
        if (self.head.size, self.head.root) != (self.edge.size, self.edge.root):
            raise IntegrityError("the journal does not hash to its checkpoint", where=where)


def _edge_at(folder: Path, head: Checkpoint) -> Edge:
    snapshot = Snapshot(folder, head.size)
    rest = snapshot.entries(head.size // WIDTH) if head.size % WIDTH else []
    edge = Edge.at(head.size, snapshot.hashes, rest)
    if edge.root != head.root:
        raise IntegrityError(
            f"the tiles do not hash to the checkpoint of {head.size} entries",
            where=str(folder),
            fix="strongroom ledger verify says where",
        )
    return edge
