"""The ledger beside SQLite (WAL, synchronous FULL) and pymerkle, in one run on one disk.

All three make each commit durable before they go on. The ledger and pymerkle also hash every entry
into a tree and sign its root with Ed25519 after each commit; SQLite does neither. Rounds alternate,
and what is reported is the median round, so that a busy moment of the machine hits all of them.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymerkle

from strongroom.keys.keypair import Signer, generate
from strongroom.ledger import Ledger
from strongroom.ledger.checkpoint import Checkpoint

OUT = Path(__file__).parent / "out"
ENTRY = 300
"""Bytes, about what a record of the house takes."""
COMMITS = {1: 400, 50: 200, 500: 60}
"""Commits in a round, for each size of commit."""
ROUNDS = 7
LARGE = 1_000_000
"""Entries in the log whose proofs are timed."""
BEFORE = 10_000
"""Entries that are there before single appends are timed."""
Append = Callable[[list[bytes]], object]


def run() -> str:
    """Everything, in about two minutes."""
    signer = generate()
    with _folder() as folder:
        return "\n".join(["## Ledger", "", *_appends(folder, signer), "", *_large(folder, signer)])


def _appends(folder: Path, signer: Signer) -> Iterator[str]:
    ledger = Ledger.create(folder / "ledger", "bench.example/log", signer)
    ledger.append(_entries(BEFORE))
    sqlite = _sqlite(folder / "sqlite.db")
    sqlite(_entries(BEFORE))
    yield f"Entries of {ENTRY} bytes, each commit durable (fdatasync), median of {ROUNDS} rounds."
    yield ""
    yield "| entries a commit | ledger, signed | SQLite WAL+FULL | ledger / SQLite |"
    yield "|---:|---:|---:|---:|"
    for size, commits in COMMITS.items():
        ours, theirs, ratio = _alternate(ledger.append, sqlite, size, commits)
        yield f"| {size} | {ours:,.0f}/s | {theirs:,.0f}/s | **{ratio:.2f}** |"
    yield ""
    yield f"One by one on top of {BEFORE:,} entries, root signed after each:"
    yield ""
    yield "| | appends | ledger is |"
    yield "|---|---:|---:|"
    for mode, words in (("DELETE", "as it comes"), ("WAL", "set to WAL+FULL")):
        peer = _pymerkle(folder / f"pymerkle-{mode}.db", signer, mode)
        ours, theirs, ratio = _alternate(ledger.append, peer, 1, 40)
        name = f"pymerkle {pymerkle.__version__} SqliteTree, {words}"
        yield f"| {name} | {theirs:,.0f}/s | **{ratio:.1f} ×** |"
    yield f"| ledger | {ours:,.0f}/s | |"
    ledger.close()


def _large(folder: Path, signer: Signer) -> Iterator[str]:
    ledger = Ledger.create(folder / "large", "bench.example/large", signer)
    began = time.perf_counter()
    for first in range(0, LARGE, 5000):
        ledger.append([b"%07d" % (first + i) for i in range(5000)])
    ledger.close()
    _say(f"wrote {LARGE:,} entries in {time.perf_counter() - began:.1f} s")
    ledger = Ledger.open(folder / "large")
    some = random.Random(6962)
    places = [some.randrange(LARGE) for _ in range(300)]
    ledger.proof(0)
    times = {
        "`inclusion_proof`: the hashes": _times(ledger.inclusion_proof, places),
        "`proof`: a tlog-proof file, verified before it is given": _times(ledger.proof, places),
    }
    yield f"At {LARGE:,} entries, a random entry each time:"
    yield ""
    yield "| | median | 99 of 100 |"
    yield "|---|---:|---:|"
    for what, taken in times.items():
        taken.sort()
        yield (
            f"| {what} | {statistics.median(taken) * 1e3:.2f} ms"
            f" | {taken[len(taken) * 99 // 100] * 1e3:.2f} ms |"
        )
    began = time.perf_counter()
    if not ledger.verify().verified:
        raise RuntimeError("the bench's own log does not verify")
    taken_for_all = time.perf_counter() - began
    yield f"| `verify`: derive all again | {taken_for_all:.1f} s | |"


def _alternate(ours: Append, theirs: Append, size: int, commits: int) -> tuple[float, float, float]:
    """Entries a second of both, and the median ratio of rounds that follow each other."""
    rates: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        batches = [_entries(size, number) for _ in range(commits)]
        rates.append((_rate(ours, batches), _rate(theirs, batches)))
        _say(f"{size} a commit: {rates[-1][0]:,.0f} and {rates[-1][1]:,.0f} entries/s")
    middle = statistics.median
    return middle(a for a, _ in rates), middle(b for _, b in rates), middle(a / b for a, b in rates)


def _rate(append: Append, batches: list[list[bytes]]) -> float:
    began = time.perf_counter()
    for batch in batches:
        append(batch)
    return sum(map(len, batches)) / (time.perf_counter() - began)


def _times(act: Callable[[int], object], places: list[int]) -> list[float]:
    taken = []
    for place in places:
        began = time.perf_counter()
        act(place)
        taken.append(time.perf_counter() - began)
    return taken


def _sqlite(path: Path) -> Append:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE entry (number INTEGER PRIMARY KEY, data BLOB NOT NULL)")

    def append(entries: list[bytes]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO entry (data) VALUES (?)", [(e,) for e in entries])
        connection.execute("COMMIT")

    return append


def _pymerkle(path: Path, signer: Signer, mode: str) -> Append:
    tree = pymerkle.SqliteTree(str(path))
    tree.con.execute(f"PRAGMA journal_mode={mode}")
    tree.con.execute("PRAGMA synchronous=FULL")
    tree.append_entries(_entries(BEFORE))
    tree.get_root()

    def append(entries: list[bytes]) -> None:
        for entry in entries:
            size = tree.append_entry(entry)
            Checkpoint("bench.example/log", size, tree.get_root()).sign(signer)

    return append


def _entries(count: int, seed: int = 0) -> list[bytes]:
    some = random.Random(seed)
    return [some.randbytes(ENTRY) for _ in range(count)]


@contextmanager
def _folder() -> Iterator[Path]:
    """On the disk of the working tree: a temporary file system makes nothing durable."""
    OUT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=OUT))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr)


if __name__ == "__main__":
    print(run())
