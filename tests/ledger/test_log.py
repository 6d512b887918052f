"""Appending and reading: what is acknowledged is there, for every reader, whoever wrote it."""

from __future__ import annotations

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    LimitError,
    StoreError,
)
from strongroom.keys.keypair import generate
from strongroom.ledger import Ledger, merkle, verify_tlog_proof
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.files import exclusive
from strongroom.ledger.reading import JOURNAL, LOCK

ORIGIN = "ledger.example/test"


def root_of(entries: list[bytes]) -> bytes:
    return merkle.root(merkle.leaf_hashes(entries))


def published(ledger: Ledger) -> Checkpoint:
    return Checkpoint.open((ledger.folder / "checkpoint").read_bytes(), ledger.key)


def test_a_new_ledger_is_empty_and_says_so_signed(ledger):
    assert ledger.size == 0
    assert ledger.head == Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT)
    assert published(ledger) == ledger.head


def test_entries_come_back_in_order_with_their_indexes(ledger):
    assert ledger.append([b"a", b"b"]) == range(2)
    assert ledger.append([b"", b"\0" * 700]) == range(2, 4)
    assert list(ledger.entries()) == [b"a", b"b", b"", b"\0" * 700]
    assert list(ledger.entries(1, 3)) == [b"b", b""]
    assert ledger.entry(3) == b"\0" * 700


def test_nothing_to_append_makes_no_commit(ledger):
    before = ledger.checkpoint()
    assert ledger.append([]) == range(0)
    assert ledger.checkpoint() == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(1, 400), st.sampled_from(["", "publish", "reopen", "other"])),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([0.0, 1000.0]),
)
def test_however_it_is_written_the_log_is_the_tree_of_its_entries(
    tmp_path_factory, signer, steps, pace
):
    folder = tmp_path_factory.mktemp("log") / "ledger"
    ledger = Ledger.create(folder, ORIGIN, signer, pace=pace)
    other = Ledger.open(folder, signer, pace=pace)
    written: list[bytes] = []
    for count, then in steps:
        entries = [f"entry {len(written) + i}".encode() for i in range(count)]
        (other if then == "other" else ledger).append(entries)
        written += entries
        if then == "publish":
            ledger.publish()
        if then == "reopen":
            ledger.close()
            ledger = Ledger.open(folder, signer, pace=pace)
        assert ledger.head == Checkpoint(ORIGIN, len(written), root_of(written))
    assert list(ledger.entries()) == written
    ledger.close()
    other.close()
    result = ledger.verify()
    assert result.verified, result.problems
    assert result.checked == len(written)
    assert published(ledger).size == len(written)


def test_every_entry_is_proved_and_every_size_is_consistent(ledger):
    ledger.append([f"entry {i}".encode() for i in range(600)])
    before = {0: merkle.EMPTY_ROOT}
    for size in (1, 255, 256, 257, 512, 600):
        before[size] = root_of([f"entry {i}".encode() for i in range(size)])
        hashes = ledger.inclusion_proof(size - 1, size)
        leaf = merkle.leaf_hash(ledger.entry(size - 1))
        assert merkle.verify_inclusion(leaf, size - 1, size, hashes, before[size])
    for old, old_root in before.items():
        for new, new_root in before.items():
            if old <= new:
                hashes = ledger.consistency_proof(old, new)
                assert merkle.verify_consistency(old, old_root, new, new_root, hashes)
    for index in (0, 255, 256, 599):
        proven = verify_tlog_proof(ledger.proof(index), ledger.entry(index), ledger.key)
        assert (proven.index, proven.size) == (index, 600)


def test_a_reader_in_the_same_folder_sees_each_commit_at_once(folder, signer):
    with Ledger.create(folder, ORIGIN, signer, pace=1000) as writer:
        reader = Ledger.open(folder)
        for number in range(300):
            writer.append([f"entry {number}".encode()])
            assert reader.size == number + 1
            assert reader.entry(number) == f"entry {number}".encode()
        assert published(writer).size < 300
    assert published(reader).size == 300


def test_a_fold_keeps_everything_and_readers_follow_it(folder, signer):
    big = [bytes([i]) * 60_000 for i in range(50)]
    with Ledger.create(folder, ORIGIN, signer) as writer:
        reader = Ledger.open(folder)
        for _ in range(8):
            writer.append(big)
            assert reader.size == writer.size
    assert (folder / JOURNAL).stat().st_size < 2_000_000
    assert list(reader.entries()) == big * 8
    assert reader.verify().verified


def test_a_ledger_that_nobody_closed_is_published_when_it_is_let_go(folder, signer):
    writer = Ledger.create(folder, ORIGIN, signer, pace=1000)
    writer.append([b"a"])
    writer.append([b"b"])
    reader = Ledger.open(folder)
    assert published(reader).size < 2
    del writer
    assert published(reader).size == 2


def test_threads_share_commits_and_each_learns_its_own_indexes(ledger):
    gate = threading.Barrier(16)

    def append(number: int) -> range:
        gate.wait()
        return ledger.append([f"{number}/{i}".encode() for i in range(5)])

    with ThreadPoolExecutor(16) as pool:
        places = list(pool.map(append, range(16)))
    assert sorted(i for place in places for i in place) == list(range(80))
    for number, place in enumerate(places):
        assert list(ledger.entries(place.start, place.stop)) == [
            f"{number}/{i}".encode() for i in range(5)
        ]


def _append_from_elsewhere(folder: Path, signer, number: int) -> None:
    with Ledger.open(folder, signer, wait=60) as ledger:
        for i in range(20):
            ledger.append([f"{number}/{i}".encode()])


def test_processes_take_turns_and_lose_nothing(folder, signer):
    Ledger.create(folder, ORIGIN, signer).close()
    fork = multiprocessing.get_context("fork")
    others = [
        fork.Process(target=_append_from_elsewhere, args=(folder, signer, n)) for n in range(4)
    ]
    for other in others:
        other.start()
    for other in others:
        other.join()
    ledger = Ledger.open(folder)
    expected = {f"{n}/{i}".encode() for n in range(4) for i in range(20)}
    assert sorted(ledger.entries()) == sorted(expected)
    assert ledger.verify().verified


def test_a_forked_child_may_go_on_with_its_parents_ledger(ledger):
    ledger.append([b"parent"])
    child = multiprocessing.get_context("fork").Process(target=ledger.append, args=([b"child"],))
    child.start()
    child.join()
    ledger.append([b"parent again"])
    assert list(ledger.entries()) == [b"parent", b"child", b"parent again"]
    assert ledger.verify().verified


def test_the_second_writer_is_told_that_there_is_a_first(ledger, folder, signer):
    second = Ledger.open(folder, signer, wait=0.05)
    with exclusive(folder / LOCK, 1), pytest.raises(ConflictError, match="another process") as said:
        second.append([b"x"])
    assert said.value.fix
    assert second.append([b"x"]) == range(1)


def test_readers_do_not_wait_for_the_writer(ledger, folder):
    ledger.append([b"a"])
    with exclusive(folder / LOCK, 1):
        assert Ledger.open(folder).entry(0) == b"a"


def test_readers_never_see_a_half_written_state(folder, signer):
    stop = threading.Event()
    seen: list[int] = []

    def read() -> None:
        reader = Ledger.open(folder)
        while not stop.is_set():
            head = Checkpoint.open((folder / "checkpoint").read_bytes(), reader.key)
            copy = Ledger.open(folder)
            assert copy.size >= head.size
            assert root_of(list(copy.entries(0, head.size))) == head.root
            result = copy.verify()
            assert not result.problems
            seen.append(result.checked)

    with Ledger.create(folder, ORIGIN, signer, pace=0) as writer, ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        number = 0
        while len(set(seen)) < 5 and not any(reader.done() for reader in readers):
            writer.append([f"{number}/{i}".encode() for i in range(17)])
            number += 1
            time.sleep(0.01)  # a long log takes long to read whole
        stop.set()
        for reader in readers:
            reader.result()


def test_a_reader_cannot_append(ledger, folder):
    with pytest.raises(StoreError, match="reading only"):
        Ledger.open(folder).append([b"x"])


def test_another_key_cannot_append(ledger, folder):
    with pytest.raises(InputError, match="does not sign for"):
        Ledger.open(folder, generate())


def test_there_is_only_one_beginning(ledger, folder, signer):
    with pytest.raises(ConflictError):
        Ledger.create(folder, ORIGIN, signer)


def test_a_folder_without_a_ledger_is_an_error_with_a_way_out(tmp_path):
    with pytest.raises(StoreError, match="no ledger here"):
        Ledger.open(tmp_path / "nowhere")


@pytest.mark.parametrize("entry", ["text", bytearray(b"x"), None, 7])
def test_an_entry_is_bytes(ledger, entry):
    with pytest.raises(InputError):
        ledger.append([entry])
    assert ledger.size == 0


def test_bytes_are_not_a_list_of_entries(ledger):
    with pytest.raises(InputError, match=r"append\(\[entry\]\)"):
        ledger.append(b"entry")


def test_the_longest_entry_fits_and_one_byte_more_does_not(ledger):
    ledger.append([b"x" * 65_535])
    with pytest.raises(LimitError):
        ledger.append([b"x" * 65_536])
    assert ledger.entry(0) == b"x" * 65_535


def test_an_append_of_unbounded_size_is_refused(ledger):
    with pytest.raises(LimitError):
        ledger.append([b"x" * 65_000] * 1100)


@pytest.mark.parametrize("index", [-1, 3, 2**70])
def test_entries_that_are_not_there_are_an_input_error(ledger, index):
    ledger.append([b"a", b"b", b"c"])
    for ask in (ledger.entry, ledger.inclusion_proof, ledger.proof):
        with pytest.raises(InputError):
            ask(index)
    with pytest.raises(InputError):
        ledger.consistency_proof(2, 9)


def test_a_damaged_tile_never_makes_a_wrong_proof(folder, signer):
    with Ledger.create(folder, ORIGIN, signer) as ledger:
        for _ in range(3):
            ledger.append([b"x" * 60_000] * 150)
    tile = folder / "tile/0/000"
    data = bytearray(tile.read_bytes())
    data[40] ^= 1
    tile.write_bytes(data)
    with pytest.raises(IntegrityError, match="not what was logged"):
        Ledger.open(folder).proof(7)
