"""Verification: everything that is changed, cut or put back is found and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from strongroom.domain.errors import IntegrityError, StoreError
from strongroom.keys.keypair import generate
from strongroom.ledger import Ledger, VerifierKey
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.edge import Edge, frames
from strongroom.ledger.merkle import leaf_hashes
from strongroom.ledger.reading import JOURNAL
from strongroom.ledger.verify import Verification

ORIGIN = "ledger.example/test"


def entries(start: int, stop: int) -> list[bytes]:
    return [f"entry {i}".encode() for i in range(start, stop)]


def check(folder: Path, older: bytes | None = None) -> Verification:
    return Ledger.open(folder).verify(older=older)


def paths(result: Verification) -> set[str]:
    return {problem.path for problem in result.problems}


def flip(path: Path, at: int, mask: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ mask]))


@pytest.fixture
def small(folder, signer) -> Path:
    """Five entries in three commits, so that there are older partial tiles too."""
    with Ledger.create(folder, ORIGIN, signer, pace=0) as ledger:
        for start, stop in ((0, 2), (2, 3), (3, 5)):
            ledger.append(entries(start, stop))
    return folder


@pytest.fixture(scope="module")
def wide(tmp_path_factory, signer) -> Path:
    """600 entries, whose first 512 are in full tiles; the journal begins after 550."""
    folder = tmp_path_factory.mktemp("wide") / "ledger"
    with Ledger.create(folder, ORIGIN, signer, pace=0) as ledger:
        ledger.append([e.ljust(3000, b".") for e in entries(0, 550)])
        ledger.publish()
        ledger.append(entries(550, 600))
    return folder


@pytest.fixture
def copy(wide, folder) -> Path:
    shutil.copytree(wide, folder)
    return folder


def test_an_untouched_log_is_verified(small, wide):
    assert check(small) == Verification(5, ())
    assert check(wide) == Verification(600, ())


def test_an_empty_log_is_not_called_verified(ledger):
    assert ledger.verify() == Verification(0, ())
    assert not ledger.verify().verified


@pytest.mark.parametrize(
    "mask", [0x01, *(pytest.param(m, marks=pytest.mark.slow) for m in (0x08, 0x20, 0x80, 0xFF))]
)
def test_every_flipped_byte_of_a_small_log_is_found_and_its_file_named(small, mask):
    used = int.from_bytes((small / JOURNAL).read_bytes()[64:72], "big")
    key = Ledger.open(small).key
    checked = 0
    for path in [small / "checkpoint", small / JOURNAL, *(small / "tile").rglob("*")]:
        if path.is_dir():
            continue
        whole = path.read_bytes()
        for at in range(min(len(whole), used if path.name == JOURNAL else len(whole))):
            flip(path, at, mask)
            result = Ledger.open(small).verify(key)
            name = path.relative_to(small).as_posix()
            assert not result.verified
            assert name in paths(result), (at, result.problems)
            flip(path, at, mask)
            checked += 1
    assert checked > 2000
    assert check(small).verified


def test_the_wrong_entry_is_named_by_its_index(copy):
    bundle = copy / "tile/entries/001"
    at = bundle.read_bytes().index(b"entry 300")
    flip(bundle, at + 6)
    assert [(p.path, p.reason) for p in check(copy).problems] == [
        ("tile/entries/001", "entry 300 is not what was logged")
    ]


def test_a_changed_length_is_named_where_it_happens(copy):
    bundle = copy / "tile/entries/000"
    flip(bundle, bundle.read_bytes().index(b"entry 100") - 1)
    reasons = {p.reason for p in check(copy).problems if p.path == "tile/entries/000"}
    assert "entries 100 to 255 are not what was logged" in reasons


@pytest.mark.parametrize("tile", ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"])
def test_a_wrong_tile_is_named_and_no_entry_is_blamed(copy, tile):
    flip(copy / tile, 33)
    assert [(p.path, p.reason) for p in check(copy).problems] == [
        (tile, "hash 1 is not that of the log")
    ]


def test_an_older_partial_tile_is_checked_too(copy):
    path = copy / "tile/entries/002.p/38"
    assert path.exists()
    flip(path, 5)
    assert paths(check(copy)) == {"tile/entries/002.p/38"}


def test_entry_and_tile_changed_together_are_found(copy):
    bundle = copy / "tile/entries/000"
    data = bundle.read_bytes().replace(b"entry 9.", b"entry 8.", 1)
    bundle.write_bytes(data)
    changed = [e.ljust(3000, b".") for e in entries(0, 256)]
    changed[9] = changed[9].replace(b"entry 9", b"entry 8")
    tile = b"".join(leaf_hashes(changed))
    (copy / "tile/0/000").write_bytes(tile)
    problems = check(copy).problems
    assert [p.path for p in problems] == ["tile/entries/000"]
    assert "entries 0 to 255" in problems[0].reason


@pytest.mark.parametrize(
    "name",
    ["tile/entries/000", "tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/88", JOURNAL],
)
def test_a_removed_file_is_named(copy, name):
    (copy / name).unlink()
    assert name in paths(check(copy))


def test_a_removed_checkpoint_is_found(copy):
    (copy / "checkpoint").unlink()
    assert ("checkpoint", "is missing") in {(p.path, p.reason) for p in check(copy).problems}


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/001", "tile/1/000.p/2"])
@pytest.mark.parametrize("change", ["cut", "longer", "empty"])
def test_a_cut_or_lengthened_file_is_named(copy, name, change):
    path = copy / name
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-1], "longer": data + b"\0", "empty": b""}[change])
    assert name in paths(check(copy))


@pytest.mark.parametrize("name", ["tile/0/002.p/88", "tile/entries/002.p/88"])
def test_a_partial_file_that_grew_to_a_full_one_is_named(copy, name):
    full = (copy / name.replace("002.p/88", "001")).read_bytes()
    data = (copy / name).read_bytes()
    more = full[len(data) :] if name.startswith("tile/0") else b"\0\1x" * 168
    (copy / name).write_bytes(data + more)
    assert name in paths(check(copy))


def test_swapped_bundles_are_found(copy):
    one, two = copy / "tile/entries/000", copy / "tile/entries/001"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert {"tile/entries/000", "tile/entries/001"} <= paths(check(copy))


def test_a_journal_without_a_first_commit_is_an_error_in_words(small):
    path = small / JOURNAL
    data = bytearray(path.read_bytes())
    data[64:72] = (512).to_bytes(8, "big")
    data[600] ^= 1
    path.write_bytes(data)
    assert JOURNAL in paths(check(small))
    with pytest.raises(IntegrityError, match="damaged or cut"):
        assert Ledger.open(small).size


def test_a_cut_journal_is_found(copy):
    path = copy / JOURNAL
    data = bytearray(path.read_bytes())
    end = int.from_bytes(data[64:72], "big")
    data[end - 200 :] = bytes(len(data) - end + 200)
    path.write_bytes(data)
    assert JOURNAL in paths(Ledger.open(copy).verify())


def test_a_tail_that_was_cut_by_putting_back_an_older_copy_is_found_by_an_older_checkpoint(
    folder, signer, tmp_path
):
    with Ledger.create(folder, ORIGIN, signer) as ledger:
        ledger.append(entries(0, 300))
        ledger.publish()
        shutil.copytree(folder, tmp_path / "backup")
        ledger.append(entries(300, 301))
        kept = ledger.checkpoint()
    assert check(folder, kept).verified
    assert check(tmp_path / "backup").verified
    problems = check(tmp_path / "backup", kept).problems
    assert [p.path for p in problems] == ["checkpoint"]
    assert "the tail was cut" in problems[0].reason


def test_older_checkpoints_of_every_size_are_upheld(folder, signer):
    with Ledger.create(folder, ORIGIN, signer, pace=1000) as ledger:
        kept = [ledger.checkpoint()]
        for start in range(0, 520, 40):
            ledger.append(entries(start, start + 40))
            kept.append(ledger.checkpoint())
        for older in kept:
            assert ledger.verify(older=older).verified
    for older in kept:
        assert check(folder, older).verified


def test_a_log_rewritten_by_its_own_signer_is_found_by_an_older_checkpoint(
    folder, signer, tmp_path
):
    with Ledger.create(folder, ORIGIN, signer) as ledger:
        ledger.append(entries(0, 300))
        kept = ledger.checkpoint()
    with Ledger.create(tmp_path / "forged", ORIGIN, signer) as forged:
        forged.append([b"forged", *entries(1, 400)])
    assert check(tmp_path / "forged").verified
    problems = check(tmp_path / "forged", kept).problems
    assert "not those of the older checkpoint" in problems[0].reason


def test_an_unpublished_log_is_held_to_an_older_checkpoint_too(folder, signer, tmp_path):
    kept = {}
    for name in ("true", "forged"):
        ledger = Ledger.create(tmp_path / name, ORIGIN, signer, pace=1000)
        ledger.append([b"first"])
        ledger.append([name.encode()])
        kept[name] = ledger.checkpoint()
        assert ledger.verify(older=kept[name]) == Verification(2, ())
        assert ledger.verify(older=kept["true"]).verified is (name == "true")
        ledger.close()


def test_another_logs_checkpoint_cannot_be_held_against_this_one(small):
    other = generate()
    note = Checkpoint(ORIGIN, 3, bytes(32)).sign(other)
    with pytest.raises(IntegrityError, match="not signed by"):
        check(small, note)


def test_log_and_key_replaced_together_are_found_by_whoever_kept_the_key(small, tmp_path):
    kept = Ledger.open(small).key
    with Ledger.create(tmp_path / "other", ORIGIN, generate()) as other:
        other.append(entries(0, 5))
    assert other.verify().verified
    assert paths(other.verify(kept)) >= {"checkpoint"}


def test_a_checkpoint_for_a_tree_that_nobody_logged_is_found(small, signer):
    edge = Edge()
    edge.extend(frames([b"x"] * 5), leaf_hashes([b"x"] * 5))
    (small / "checkpoint").write_bytes(Checkpoint(ORIGIN, 5, edge.root).sign(signer))
    result = check(small)
    assert "tile/entries/000.p/5" in paths(result)


def test_a_copy_of_what_is_served_verifies_without_the_writers_files(wide, tmp_path):
    copied = tmp_path / "mirror"
    shutil.copytree(wide, copied, ignore=shutil.ignore_patterns("journal", "lock"))
    assert check(copied) == Verification(600, ())


def test_where_there_is_no_log_nothing_can_be_told(tmp_path):
    key = VerifierKey(ORIGIN, bytes(32))
    (tmp_path / "verifier-key").write_text(f"{key}\n")
    with pytest.raises(StoreError, match="no ledger here"):
        check(tmp_path)
