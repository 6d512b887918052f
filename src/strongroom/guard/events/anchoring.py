"""Anchors the log of decisions in the home's ledger, and proves a log by what is anchored.

1. `anchor` reads the complete lines after the last anchored one, in batches of 1,000.
2. Of each batch a statement is signed and recorded: which lines, at which byte, the Merkle root of
   all, and a short digest of each, by which a change can be told to the line.
3. `verify` asks the ledger for the batches of the log, checks each one's signature and place in the
   ledger, and holds the file against them.

What was written after the last anchor is not proven; how much that is at most is the interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, IntegrityError, StoreError
from strongroom.domain.statement import Statement, Subject
from strongroom.keys.trust import GUARD_LOG_TYPE, Role
from strongroom.ledger.merkle import leaf_hash, root
from strongroom.storage.files import told

if TYPE_CHECKING:  # it is given; its database would be loaded with it
    from strongroom.home.home import Home

BATCH: Final = 1_000
"""Lines; one statement of some 40 KB."""
MAX_LINE: Final = 16 * 1024 * 1024
SHORT: Final = 32
"""Hexadecimal digits of a line's digest: 128 bits."""
SIGNER: Final = "guard"
MAX_TOLD: Final = 100
"""Problems of one batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of a log that are anchored together."""

    log: str
    first: int
    """Number of the first line, from 1."""
    start: int
    """Its place in the file, in bytes."""
    stop: int
    """Where the last line ends."""
    root: str
    """Merkle root of the lines (RFC 6962), in hexadecimal."""
    lines: tuple[str, ...]
    """A short digest of each."""

    def to_statement(self) -> Statement:
        """To be signed by a key with the role `guard-log`."""
        predicate = {
            "system": self.log,
            "name": f"lines {self.first}-{self.first + len(self.lines) - 1}",
            "first": self.first,
            "start": self.start,
            "stop": self.stop,
            "lines": list(self.lines),
        }
        subject = Subject(self.log, Digest("sha256", self.root))
        return Statement(GUARD_LOG_TYPE, (subject,), predicate)

    @classmethod
    def of(cls, statement: Statement) -> Batch:
        """Read back. Raises InputError."""
        said = statement.predicate
        try:
            (subject,) = statement.subjects
            return cls(
                said["system"],
                int(said["first"]),
                int(said["start"]),
                int(said["stop"]),
                subject.digest.hex,
                tuple(str(one) for one in said["lines"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"no batch of a log: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Anchored:
    """What one run anchored."""

    batches: int
    lines: int
    total: int
    """Lines that are anchored by now."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way in which a log is not as it was anchored."""

    line: int
    """Number in the file, from 1; 0 where it is about the whole."""
    what: str
    """changed, removed, moved, added, unproven."""
    why: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a log."""

    batches: int
    lines: int
    """Anchored."""
    unanchored: int
    """Lines after the last anchored one."""
    flaws: tuple[Flaw, ...]


def anchor(home: Home, path: Path, log: str) -> Anchored:
    """Anchor all complete lines that are not yet. May be run at any time, by one at a time.

    Raises IntegrityError for a log that lost what is anchored, StoreError.
    """
    last = next(iter(_batches(home, log, newest_first=True)), None)
    start, line = (last.stop, last.first + len(last.lines)) if last else (0, 1)
    made = lines = 0
    with told(path), path.open("rb") as file:
        size = file.seek(0, 2)
        if size < start:
            raise IntegrityError(
                f"has {size} bytes, {start} are anchored as {log}",
                where=str(path),
                fix="give a log that was begun anew a name of its own",
            )
        file.seek(start)
        while batch := _next(file, log, line, start):
            _record(home, batch)
            made, lines = made + 1, lines + len(batch.lines)
            start, line = batch.stop, batch.first + len(batch.lines)
    return Anchored(made, lines, line - 1)


def verify(home: Home, path: Path, log: str) -> Proof:
    """Hold a log against the ledger. Raises InputError where nothing of it is anchored."""
    batches = tuple(_batches(home, log, newest_first=False))
    if not batches:
        raise InputError(
            f"nothing is anchored as {log}", where=str(path), fix="strongroom guard log anchor"
        )
    with told(path):
        found = [leaf_hash(line) for line in _lines(path)]
    flaws = list(_chain(batches))
    anchored = [digest for batch in batches for digest in batch.lines]
    flaws += _against(batches, found, anchored)
    extra = max(0, len(found) - len(anchored))
    return Proof(len(batches), len(anchored), extra, tuple(flaws))


def _against(
    batches: Sequence[Batch], found: Sequence[bytes], anchored: Sequence[str]
) -> Iterator[Flaw]:
    """Lines that are not as anchored: changed, removed, moved or added, by their digests."""
    short = [one.hex()[:SHORT] for one in found]
    if short[: len(anchored)] == list(anchored):
        for batch in batches:
            lines = found[batch.first - 1 : batch.first - 1 + len(batch.lines)]
            if root(lines).hex() != batch.root:
                yield Flaw(batch.first, "changed", "the root of its batch is another")
        return
    here: dict[str, list[int]] = {}
    for place, digest in enumerate(short, 1):
        here.setdefault(digest, []).append(place)
    known = set(anchored)
    yield from islice(_differences(short, anchored, here, known), MAX_TOLD)


def _differences(
    short: Sequence[str], anchored: Sequence[str], here: dict[str, list[int]], known: set[str]
) -> Iterator[Flaw]:
    """Walks both: a line that is nowhere was changed where a strange one stands, else removed."""
    place = 0
    for number, digest in enumerate(anchored, 1):
        if place < len(short) and short[place] == digest:
            place += 1
        elif digest in here:
            at = here[digest][0]
            if at != place + 1:
                yield Flaw(number, "moved", f"stands in line {at}")
            while place < at and place < len(short) and short[place] not in known:
                yield Flaw(place + 1, "added", "was not anchored")
                place += 1
            place += place < len(short)
        elif place < len(short) and short[place] not in known:
            yield Flaw(number, "changed", "is not what was anchored")
            place += 1
        else:
            yield Flaw(number, "removed", "is not in the file")


def _chain(batches: Sequence[Batch]) -> Iterator[Flaw]:
    """Batches must follow each other without a gap."""
    line, start = 1, 0
    for batch in batches:
        if (batch.first, batch.start) != (line, start):
            yield Flaw(line, "unproven", f"the ledger has no batch that begins here, byte {start}")
        line, start = batch.first + len(batch.lines), batch.stop


def _batches(home: Home, log: str, *, newest_first: bool) -> Iterator[Batch]:
    """The anchored batches of a log, each proven. Raises IntegrityError, TrustError."""
    for record in home.records(GUARD_LOG_TYPE, system=log, newest_first=newest_first):
        home.check_logged(record)
        where = f"record {record.digest.short}"
        vouched = home.trust.verify(
            record.envelope, Role.GUARD_LOG, scope=log, at=record.recorded_at, where=where
        )
        yield Batch.of(vouched.statement)


def _record(home: Home, batch: Batch) -> None:
    if not any(key.name == SIGNER for key in home.trust.keys):
        home.add_key(SIGNER, (Role.GUARD_LOG,))
    home.record(batch.to_statement(), SIGNER)


def _next(file: BinaryIO, log: str, line: int, start: int) -> Batch | None:
    """The next complete lines, if there are any."""
    leaves: list[bytes] = []
    stop = start
    for text in islice(iter(lambda: file.readline(MAX_LINE + 1), b""), BATCH):
        if not text.endswith(b"\n"):
            if len(text) > MAX_LINE:
                raise StoreError(f"line {line + len(leaves)} is longer than {MAX_LINE} bytes")
            break  # it is being written
        leaves.append(leaf_hash(text))
        stop += len(text)
    if not leaves:
        return None
    short = tuple(leaf.hex()[:SHORT] for leaf in leaves)
    return Batch(log, line, start, stop, root(leaves).hex(), short)


def _lines(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.readline(MAX_LINE + 1), b"")


def to_json(proof: Proof) -> dict[str, Any]:
    """For programs."""
    return {
        "verified": not proof.flaws and not proof.unanchored,
        "batches": proof.batches,
        "lines": proof.lines,
        "unanchored": proof.unanchored,
        "flaws": [{"line": f.line, "what": f.what, "why": f.why} for f in proof.flaws],
    }
