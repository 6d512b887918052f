"""Derive the whole log again from its entries, and say what is not as it was signed.

1. The checkpoint must be signed by the key, and an older one must be a beginning of it.
2. The entries must hash to the signed root. Where they do not, the tiles, as far as they themselves
   hash to the root, say which entry is wrong.
3. Every tile must hold what its entries hash to, and every partial tile be a beginning of its
   successor.
4. The journal must reach the checkpoint and hash to what it signed on the way.

Files of commits that were interrupted before their checkpoint are no part of the log yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.domain.errors import IntegrityError, StoreError
from strongroom.ledger import merkle
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.derive import Derived
from strongroom.ledger.files import shared, store_errors
from strongroom.ledger.history import Problem, journal_problems, older_problems, read_journal
from strongroom.ledger.journal import Commit
from strongroom.ledger.note import VerifierKey
from strongroom.ledger.reading import CHECKPOINT, JOURNAL, LOCK, Snapshot
from strongroom.ledger.tiles import (
    ENTRIES,
    WIDTH,
    Tile,
    covering,
    decode_as_far,
    span,
    split_hashes,
    tiles_of,
)

_WAIT: Final = 10.0
"""Seconds to wait for a writer to finish its commit."""
Progress = Callable[[int, int], object]
"""Is told how many entries of how many have been read."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of it."""

    checked: int
    """Entries that were read."""
    problems: tuple[Problem, ...]

    @property
    def verified(self) -> bool:
        """No problem, and something was looked at."""
        return self.checked > 0 and not self.problems


@dataclass(frozen=True, slots=True)
class Blamed:
    """Entries that do not hash to what was signed."""

    start: int
    stop: int
    exact: bool
    """Whether each of them is wrong, or only some and nothing says which."""


def verify_folder(
    folder: Path,
    key: VerifierKey,
    *,
    older: bytes | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check the log in `folder` against `key`, and against a checkpoint that was kept from before.

    Raises StoreError where there is nothing to read, IntegrityError where `older` is not a
    checkpoint of this log at all.
    """
    before = None if older is None else Checkpoint.open(older, key, where="older checkpoint")
    problems: set[Problem] = set()
    with store_errors(folder), shared(folder / LOCK, _WAIT):
        commits = _commits(folder, problems)
        note = _published(folder, commits, problems)
    try:
        shown = Checkpoint.open(note, key, where=CHECKPOINT)
    except IntegrityError as error:
        return Verification(0, (*problems, Problem(CHECKPOINT, error.what)))
    derived = Derived(folder, shown.size)
    problems.update(_read_entries(derived, progress))
    stored = Snapshot(folder, shown.size)
    blamed = tuple(_blame(derived, stored, shown))
    problems.update(_entry_problems(blamed, shown.size, problems))
    problems.update(_tile_problems(derived, folder, blamed))
    heads, wrong = journal_problems(commits, (derived.hashes, stored.hashes), shown, key)
    problems.update(wrong)
    if before is not None:
        problems.update(older_problems(before, derived, heads))
    newest = max((head.size for head in heads), default=shown.size)
    return Verification(newest, tuple(sorted(problems)))


def _commits(folder: Path, problems: set[Problem]) -> list[Commit]:
    try:
        return read_journal(folder)
    except IntegrityError as error:
        problems.add(Problem(JOURNAL, error.what))
    except FileNotFoundError:
        if (folder / LOCK).exists():  # a copy for reading has neither
            problems.add(Problem(JOURNAL, "is missing"))
    return []


def _published(folder: Path, commits: list[Commit], problems: set[Problem]) -> bytes:
    """The published checkpoint, or the one that the journal begins at."""
    path = folder / CHECKPOINT
    if path.exists():
        return path.read_bytes()
    if not commits:
        raise StoreError("no ledger here", where=str(folder), fix="name the home")
    if b"\n0\n" not in commits[0].note:  # an empty log may not have published yet
        problems.add(Problem(CHECKPOINT, "is missing"))
    return commits[0].note


def _read_entries(derived: Derived, progress: Progress | None) -> Iterator[Problem]:
    for tile, _, fault in derived.leaves():
        if fault is not None:
            yield Problem(tile.path, fault)
        if progress is not None:
            progress(min((tile.index + 1) * WIDTH, derived.size), derived.size)


def _blame(derived: Derived, stored: Snapshot, head: Checkpoint) -> Iterator[Blamed]:
    """Go down from the signed root along the tiles, wherever the entries hash to something else."""
    todo = [(0, head.size, head.root)]
    while todo:
        start, stop, expected = todo.pop()
        if merkle.range_hash(start, stop, derived.node) == expected:
            continue
        if stop - start <= 1:
            yield Blamed(start, stop, exact=True)
            continue
        middle = start + merkle.left_width(stop - start)
        try:
            left = merkle.range_hash(start, middle, stored.node)
            right = merkle.range_hash(middle, stop, stored.node)
        except IntegrityError:
            left = right = b""
        if merkle.node_hash(left, right) != expected:
            yield Blamed(start, stop, exact=False)
            continue
        todo += [(middle, stop, right), (start, middle, left)]


def _entry_problems(
    blamed: tuple[Blamed, ...], size: int, known: set[Problem]
) -> Iterator[Problem]:
    missing = {problem.path for problem in known if "missing" in problem.reason}
    for run in _runs(blamed):
        path = covering(ENTRIES, run.start, size).path if size else CHECKPOINT
        if path in missing and run.exact and run.stop - run.start <= WIDTH:
            continue
        which = (
            f"entry {run.start} is"
            if run.stop - run.start == 1
            else f"entries {run.start} to {run.stop - 1} are"
        )
        tail = "" if run.exact else ", or some of them: the tiles do not say which"
        yield Problem(path, f"{which} not what was logged{tail}")


def _runs(blamed: tuple[Blamed, ...]) -> Iterator[Blamed]:
    """Neighbours of one bundle joined into one."""
    run: Blamed | None = None
    for item in blamed:
        joins = (
            run is not None
            and (run.exact and item.exact and run.stop == item.start)
            and run.start // WIDTH == item.start // WIDTH
        )
        if run is not None and joins:
            run = Blamed(run.start, item.stop, exact=True)
            continue
        if run is not None:
            yield run
        run = item
    if run is not None:
        yield run


def _tile_problems(derived: Derived, folder: Path, blamed: tuple[Blamed, ...]) -> Iterator[Problem]:
    """Every tile of the log, and the partial ones of earlier sizes that are still there."""
    snapshot = Snapshot(folder, derived.size)
    for tile in tiles_of(derived.size):
        if tile.level == ENTRIES:
            continue  # read already, and blamed where they are wrong
        try:
            data = snapshot.read(tile)
        except IntegrityError as error:
            yield Problem(tile.path, error.what)
            continue
        if snapshot.outgrown(tile):
            data = data[: tile.width * merkle.HASH_SIZE]
        yield from _faults(tile, split_hashes(data), derived, blamed)
    now = set(tiles_of(derived.size))
    for path in sorted((folder / "tile").rglob("*.p/*")):
        older = Tile.parse(path.relative_to(folder).as_posix())
        if older is None or older in now or older.stop > derived.size:
            continue
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # a writer has just put the full one in its place
        hashes = _leaves(data) if older.level == ENTRIES else split_hashes(data)
        yield from _faults(older, hashes, derived, blamed)


def _faults(
    tile: Tile, there: list[bytes], derived: Derived, blamed: tuple[Blamed, ...]
) -> Iterator[Problem]:
    """A tile's hashes against what is derived; what covers blamed entries cannot be derived."""
    if len(there) != tile.width:
        yield Problem(tile.path, f"does not hold {tile.width} hashes")
    width = span(tile.level)
    for position, (found, expected) in enumerate(zip(there, derived.hashes(tile), strict=False)):
        first = tile.first + position * width
        if found != expected and not _any_between(blamed, first, first + width):
            what = "entry" if tile.level == ENTRIES else "hash"
            yield Problem(tile.path, f"{what} {position} is not that of the log")


def _leaves(bundle: bytes) -> list[bytes]:
    """Leaf hashes of a bundle, none where it does not end with an entry."""
    entries = decode_as_far(bundle)
    whole = len(bundle) == sum(2 + len(entry) for entry in entries)
    return merkle.leaf_hashes(entries) if whole else []


def _any_between(blamed: tuple[Blamed, ...], start: int, stop: int) -> bool:
    return any(b.start < stop and start < b.stop for b in blamed)
