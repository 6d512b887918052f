"""A writer that is killed, or whose disk is full, loses nothing that it acknowledged."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from strongroom.domain.errors import IntegrityError, StoreError
from strongroom.ledger import Ledger
from strongroom.ledger.journal import Commit, Journal
from strongroom.ledger.reading import JOURNAL

SCRIPT = Path(__file__).parent / "crashing.py"
sys.path.insert(0, str(SCRIPT.parent))

from crashing import Seeded, entry  # noqa: E402 -- the script's own entries, to compare with

ORIGIN = "ledger.example/crash"


SIGNER = Seeded(bytes(range(32)))


def create(folder: Path) -> Path:
    """A ledger whose signer another process can have."""
    (folder.parent / f"{folder.name}.key").write_bytes(bytes(range(32)))
    Ledger.create(folder, ORIGIN, SIGNER).close()
    return folder


@pytest.fixture
def crashed(folder) -> Path:
    return create(folder)


def start(folder: Path, *arguments: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def acknowledged(said: bytes) -> int:
    """The size that the last whole line promises."""
    lines = said.split(b"\n")[:-1]
    return int(lines[-1].split()[1]) if lines else 0


def assert_whole(folder: Path, promised: int, older: bytes) -> None:
    """What was promised is there, the log passes its own check, as it is and after recovery."""
    reader = Ledger.open(folder)
    assert reader.size >= promised
    assert_verified(reader, promised, older)
    reader.publish()
    assert_verified(reader, promised, older)
    assert all(e == entry(i) for i, e in enumerate(reader.entries()))
    reader.close()


def assert_verified(reader: Ledger, promised: int, older: bytes) -> None:
    result = reader.verify(older=older)
    assert not result.problems
    assert result.checked >= promised


def kill_again_and_again(top: Path, times: int, seed: int) -> int:
    """Kill a writer at random moments, each on the ruins of the last. How many said something."""
    some, spoke, promised, folder = random.Random(seed), 0, 0, create(top / "ledger")
    for number in range(times):
        if promised > 20_000:  # checking a long log takes longer than killing its writer
            promised, folder = 0, create(top / f"ledger-{number}")
        older = Ledger.open(folder).checkpoint()
        writer = start(folder, seed * 1000 + number)
        assert writer.stdout is not None
        said = b""
        if some.random() < 0.9:  # most die while they write, some while they start
            said = writer.stdout.readline()
        time.sleep(some.random() ** 3 * 0.15)
        writer.kill()
        rest, complaint = writer.communicate()
        assert not complaint, complaint.decode()
        said += rest
        spoke += bool(said)
        promised = max(promised, acknowledged(said))
        assert_whole(folder, promised, older)
    return spoke


def test_a_writer_killed_at_random_moments_loses_nothing(tmp_path):
    assert kill_again_and_again(tmp_path, 15, seed=1) >= 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(5))
def test_of_200_writers_killed_at_random_moments_none_loses_anything(tmp_path, part):
    assert kill_again_and_again(tmp_path, 40, seed=100 + part) >= 30


@pytest.mark.parametrize("limit", [40_000, 700_000, 1_300_000])
def test_a_full_disk_loses_nothing_acknowledged_and_is_said(crashed, limit):
    older = Ledger.open(crashed).checkpoint()
    writer = start(crashed, 7, limit)
    said, complaint = writer.communicate(timeout=120)
    assert writer.returncode == 1
    assert b"strongroom.domain.errors.StoreError" in complaint
    assert b"raise the limit on file sizes" in complaint
    promised = acknowledged(said)
    assert promised > 0 or limit == 40_000
    assert_whole(crashed, promised, older)
    with Ledger.open(crashed, SIGNER) as ledger:
        after = ledger.size
        assert ledger.append([entry(after)]) == range(after, after + 1)
    assert_whole(crashed, after + 1, older)


def test_a_failed_append_can_be_repeated_in_the_same_process(crashed):
    def limited(limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Ledger.open(crashed, SIGNER, pace=0) as ledger:
        ledger.append([entry(0)])
        limited(300)
        try:
            with pytest.raises(StoreError):
                ledger.append([entry(1)])
        finally:
            limited(hard)
        ledger.append([entry(1)])
        assert ledger.size == 2
    assert_whole(crashed, 2, Ledger.open(crashed).checkpoint())


def test_what_is_logged_but_cannot_be_published_stays_logged(crashed, caplog):
    """A file where the tiles should go: nothing can be published, everything can be logged."""
    with Ledger.open(crashed, SIGNER, pace=0) as ledger:
        (crashed / "tile").write_bytes(b"in the way")
        for i in range(3):
            ledger.append([entry(i)])
        assert "cannot publish" in caplog.text
        assert Ledger.open(crashed).size == 3
        (crashed / "tile").unlink()
        ledger.append([entry(3)])
    assert_whole(crashed, 4, Ledger.open(crashed).checkpoint())


@pytest.mark.parametrize("kept", [1, 20, 300, 512])
def test_a_commit_that_was_torn_is_forgotten(crashed, kept):
    """As after a power cut: of the last write only the first bytes came to the disk."""
    ledger = Ledger.open(crashed, SIGNER, pace=1000)
    ledger.append([entry(i) for i in range(4)])
    path = crashed / JOURNAL
    before = path.read_bytes()
    end = int.from_bytes(before[64:72], "big")
    ledger.append([b"x" * 2000])
    data = bytearray(before)
    data[end : end + kept] = path.read_bytes()[end : end + kept]
    path.write_bytes(data)
    reader = Ledger.open(crashed)
    assert reader.size == 4
    assert reader.verify().verified
    with Ledger.open(crashed, SIGNER) as again:
        assert again.append([entry(4)]) == range(4, 5)
    assert_whole(crashed, 5, Ledger.open(crashed).checkpoint())


def test_a_whole_commit_that_was_not_yet_marked_is_kept(crashed):
    ledger = Ledger.open(crashed, SIGNER)
    ledger.append([entry(0)])
    ledger.close()
    path = crashed / JOURNAL
    first = path.read_bytes()[64:72]
    ledger = Ledger.open(crashed, SIGNER, pace=1000)
    ledger.append([entry(1)])
    data = bytearray(path.read_bytes())
    data[64:72] = first
    path.write_bytes(data)
    assert Ledger.open(crashed).size == 1
    again = Ledger.open(crashed, SIGNER)
    assert again.size == 2
    assert_whole(crashed, 2, Ledger.open(crashed).checkpoint())


def test_tiles_that_a_power_cut_lost_are_made_again(crashed):
    """Nothing of the last publication was synced: its files are gone, short, or empty."""
    entries = [b"%d" % i for i in range(600)]
    with Ledger.open(crashed, SIGNER, pace=1000) as ledger:
        ledger.append(entries)
    for name in ("tile/entries/000", "tile/0/001", "tile/1/000.p/2", "checkpoint"):
        (crashed / name).write_bytes(b"")
    (crashed / "tile/entries/002.p/88").unlink()
    reader = Ledger.open(crashed)
    assert not reader.verify().verified
    assert list(reader.entries()) == entries
    reader.publish()
    assert reader.verify().verified
    assert Ledger.open(crashed, SIGNER).append([b"more"]) == range(600, 601)


def test_a_changed_tile_is_restored_before_the_journals_copy_is_given_up(crashed, caplog):
    entries = [bytes([i % 256]) * 5000 for i in range(300)]
    ledger = Ledger.open(crashed, SIGNER, pace=0)
    ledger.append(entries)
    bundle = crashed / "tile/entries/000"
    bundle.write_bytes(bytes(bundle.stat().st_size))
    assert not ledger.verify().verified
    ledger.close()  # folds, since the journal is long
    assert "tile/entries/000 is written again" in caplog.text
    assert list(Ledger.open(crashed).entries()) == entries
    assert Ledger.open(crashed).verify().verified


def test_old_journal_bytes_are_never_taken_for_new_commits(crashed):
    """A commit of another history at the right place, whole in itself, is not of this one."""
    with Ledger.open(crashed, SIGNER) as ledger:
        ledger.append([entry(0)])
    journal = Journal(crashed / JOURNAL, writable=True)
    journal.append(Commit.of(b"another note", [b"another history"]))
    journal.close()
    path = crashed / JOURNAL
    stray = path.read_bytes()
    with Ledger.create(crashed.parent / "other", ORIGIN, SIGNER) as other:
        other.append([entry(0)])
    target = bytearray((crashed.parent / "other" / JOURNAL).read_bytes())
    end = int.from_bytes(target[64:72], "big")
    target[end:] = stray[end:][: len(target) - end]
    (crashed.parent / "other" / JOURNAL).write_bytes(target)
    assert Ledger.open(crashed.parent / "other").size == 1


def test_a_writer_does_not_build_on_a_journal_that_was_put_back(crashed):
    with Ledger.open(crashed, SIGNER) as ledger:
        ledger.append([entry(0)])
        old = (crashed / JOURNAL).read_bytes()
        ledger.append([entry(1)])
    (crashed / JOURNAL).write_bytes(old)
    with pytest.raises(IntegrityError, match="damaged or was put back"):
        Ledger.open(crashed, SIGNER)
