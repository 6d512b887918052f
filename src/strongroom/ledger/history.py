"""What the journal and older checkpoints say of the log, against what its entries make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from strongroom.domain.errors import IntegrityError
from strongroom.ledger import merkle
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.derive import Derived
from strongroom.ledger.edge import Edge, Hashes
from strongroom.ledger.journal import Commit, Journal
from strongroom.ledger.note import VerifierKey
from strongroom.ledger.reading import CHECKPOINT, JOURNAL


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that is not as it was signed."""

    path: str
    """Relative to the folder that was looked at."""
    reason: str


def read_journal(folder: Path) -> list[Commit]:
    """All whole commits. Raises IntegrityError where it is damaged, FileNotFoundError."""
    journal = Journal(folder / JOURNAL, writable=False)
    try:
        return journal.read(interrupted=True)
    finally:
        journal.close()


def journal_problems(
    commits: Sequence[Commit], sources: Sequence[Hashes], published: Checkpoint, key: VerifierKey
) -> tuple[list[Checkpoint], list[Problem]]:
    """The checkpoints in the journal, each held against its entries, and what is wrong.

    `sources` tell the tiles where the journal begins: as derived from the entries, as stored. Where
    neither hashes to its first checkpoint, it is entries there that are wrong.
    """
    try:
        heads = [Checkpoint.open(c.note, key, where=JOURNAL) for c in commits]
    except IntegrityError as error:
        return [], [Problem(JOURNAL, error.what)]
    if not heads:
        return [], []
    if heads[-1].size < published.size:
        reason = f"ends at {heads[-1].size} entries, {published.size} were published"
        return heads, [Problem(JOURNAL, f"{reason}: it is damaged or was put back")]
    if heads[0].size > published.size:
        reason = f"has {published.size} entries, the journal begins at {heads[0].size}"
        return heads, [Problem(CHECKPOINT, f"{reason}: it was put back")]
    edge = _edge_at(heads[0], sources)
    if edge is None:
        return heads, []
    for commit, said in zip(commits, heads, strict=True):
        edge.extend(commit.framed, commit.leaves)
        if (edge.size, edge.root) != (said.size, said.root):
            reason = f"does not hash to its checkpoint of {said.size} entries"
            return heads, [Problem(JOURNAL, reason)]
    return heads, []


def _edge_at(base: Checkpoint, sources: Sequence[Hashes]) -> Edge | None:
    for hashes in sources:
        try:
            edge = Edge.at(base.size, hashes, ())
        except IntegrityError:
            continue
        if edge.root == base.root:
            return edge
    return None


def older_problems(
    older: Checkpoint, derived: Derived, heads: Sequence[Checkpoint]
) -> Iterator[Problem]:
    """Whether the log still begins with what a checkpoint that was kept says.

    `heads` are the checkpoints that the journal holds, beyond what was published.
    """
    newest = max((head.size for head in heads), default=derived.size)
    if older.size > newest:
        yield Problem(
            CHECKPOINT, f"has {newest} entries, {older.size} were there before: the tail was cut"
        )
    elif older.size <= derived.size:
        if merkle.range_hash(0, older.size, derived.node) != older.root:
            yield _rewritten(older)
    elif (older.size, older.root) not in {(head.size, head.root) for head in heads}:
        yield _rewritten(older)


def _rewritten(older: Checkpoint) -> Problem:
    return Problem(
        CHECKPOINT, f"the first {older.size} entries are not those of the older checkpoint"
    )
