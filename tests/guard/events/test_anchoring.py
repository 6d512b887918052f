"""A log of decisions is anchored in the ledger; whatever is done to it afterwards is named."""

from __future__ import annotations

import itertools
import json

import pytest

from strongroom.domain.errors import InputError, IntegrityError, StoreError
from strongroom.guard.events import anchoring
from strongroom.guard.events.anchoring import BATCH, anchor, verify
from strongroom.home.home import Home

NAMES = (f"log{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with Home.open(tmp_path_factory.mktemp("home") / "home", create=True) as one:
        yield one


@pytest.fixture
def log(home, tmp_path):
    """A file of ten lines that is anchored in two batches, and its name."""
    path, name = tmp_path / "decisions.jsonl", next(NAMES)
    lines = [json.dumps({"n": n}) + "\n" for n in range(10)]
    path.write_text("".join(lines[:6]))
    assert anchor(home, path, name).lines == 6
    path.write_text("".join(lines))
    assert anchor(home, path, name).total == 10
    return path, name


def flaws(home, path, name):
    return [(f.line, f.what) for f in verify(home, path, name).flaws]


def test_an_untouched_log_is_proven(home, log) -> None:
    proof = verify(home, *log)
    assert (proof.batches, proof.lines, proof.unanchored, proof.flaws) == (2, 10, 0, ())


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda ls: [*ls[:2], '{"n": 77}\n', *ls[3:]], [(3, "changed")]),
        (lambda ls: [*ls[:2], *ls[3:]], [(3, "removed")]),
        (lambda ls: ls[:8], [(9, "removed"), (10, "removed")]),
        (lambda ls: ls[2:], [(1, "removed"), (2, "removed")]),
        (lambda ls: [*ls[:2], "{}\n", *ls[2:]], [(3, "moved"), (3, "added")]),
        (lambda ls: [], [(n, "removed") for n in range(1, 11)]),
    ],
    ids=["changed", "removed", "cut", "beheaded", "inserted", "emptied"],
)
def test_what_was_done_to_it_is_named(home, log, forge, told) -> None:
    path, name = log
    path.write_text("".join(forge(path.read_text().splitlines(keepends=True))))
    assert flaws(home, path, name)[: len(told)] == told


def test_lines_that_changed_places_are_told(home, log) -> None:
    path, name = log
    lines = path.read_text().splitlines(keepends=True)
    lines[3], lines[7] = lines[7], lines[3]
    path.write_text("".join(lines))
    assert {what for _, what in flaws(home, path, name)} <= {"moved", "removed"}
    assert (4, "moved") in flaws(home, path, name)


def test_every_single_byte_counts(home, log) -> None:
    path, name = log
    data = path.read_bytes()
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert flaws(home, path, name), at


def test_what_was_written_since_is_counted_and_not_proven(home, log) -> None:
    path, name = log
    with path.open("a") as file:
        file.write("{}\n{")
    proof = verify(home, path, name)
    assert (proof.unanchored, proof.flaws) == (2, ())
    assert not anchoring.to_json(proof)["verified"]
    assert anchor(home, path, name).lines == 1  # the other is not complete


def test_a_log_that_was_begun_anew_is_not_anchored_under_the_old_name(home, log) -> None:
    path, name = log
    path.write_text("{}\n")
    with pytest.raises(IntegrityError, match="are anchored"):
        anchor(home, path, name)


def test_nothing_anchored_is_no_proof(home, tmp_path) -> None:
    path = tmp_path / "x"
    path.write_text("{}\n")
    with pytest.raises(InputError, match="nothing is anchored"):
        verify(home, path, "unknown")
    with pytest.raises(StoreError):
        anchor(home, tmp_path / "absent", "absent")


def test_a_long_log_is_anchored_in_batches(home, tmp_path) -> None:
    path, name = tmp_path / "long", next(NAMES)
    path.write_text("".join(f"{n}\n" for n in range(BATCH + 1)))
    assert anchor(home, path, name) == anchoring.Anchored(2, BATCH + 1, BATCH + 1)
    assert anchor(home, path, name).batches == 0
    assert verify(home, path, name).flaws == ()


def test_a_batch_by_a_key_without_the_role_does_not_count(home, log) -> None:
    path, name = log
    batch = anchoring.Batch(name, 11, 0, 0, "00" * 32, ())
    home.record(batch.to_statement(), "assessor")
    with pytest.raises(Exception, match="may not sign guard-log"):
        verify(home, path, name)
