"""No mutant crashes the scanner, and none that really runs something is called clean."""

import os
import struct
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.assess.scanner.specimens import fuzz_child
from tests.assess.scanner.specimens.mutate import mutants

from strongroom.assess.scanner import Limits, Rating, scan_bytes

EVERYDAY = int(os.environ.get("STRONGROOM_FUZZ_MUTANTS", "5000"))
SLOW = int(os.environ.get("STRONGROOM_FUZZ_MUTANTS", "100000"))
PIECE = 5000
MAGICS = [
    *(b"\x80\x04", b"PK\x03\x04", b"PK\x05\x06", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY\x01\x00"),
    *(b"GGUF\x03\0\0\0", b"\x08\x07\x12", b"\x08\x01\x12", b"\x1f\x8b\x08", b"BZh9"),
    *(
        b"\xfd7zXZ\x00",
        b"x\x9c",
        b"{L\0\0\0\0\0\0\0",
        b"7z\xbc\xaf\x27\x1c",
        b"\x20\0\0\0\0\0\0\0{",
    ),
    *(b"<?xml", b"flavors:\n", b'{"class_name":', b"tree\n"),
]


def test_no_mutant_that_runs_something_is_clean(tmp_path):
    hunt(EVERYDAY, tmp_path, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(36_000)
def test_no_mutant_of_very_many_that_runs_something_is_clean(tmp_path):
    """`STRONGROOM_FUZZ_MUTANTS=1000000` for the long hunt."""
    hunt(SLOW, tmp_path, seed=2)


def hunt(count, folder, seed):
    """Every clean mutant is really loaded, and of the others enough to show that many do run."""
    verdicts, tried, ran = Counter(), 0, 0
    for piece in range(0, count, PIECE):
        made = list(mutants(min(PIECE, count - piece), seed * 1_000_003 + piece))
        ratings = [scan_bytes(data, "m", Limits(seconds=10)).verdict for data in made]
        clean = [d for d, r in zip(made, ratings, strict=True) if r is Rating.CLEAN]
        others = [d for d, r in zip(made, ratings, strict=True) if r is not Rating.CLEAN][:500]
        marks = run_child(clean, folder)
        missed = [data for data, mark in zip(clean, marks, strict=True) if mark == "!"]
        assert not [data for data in missed if run_child([data], folder) == "!"]
        verdicts.update(ratings)
        tried += len(others)
        ran += run_child(others, folder).count("!")
    assert ran > tried / 20, "the mutants hardly run anything: the test proves nothing"
    assert verdicts[Rating.CLEAN] > count / 50, "nothing is clean: the test proves nothing"


def run_child(made, folder) -> str:
    """One mark a mutant."""
    path = folder / "mutants"
    path.write_bytes(b"".join(struct.pack("<I", len(data)) + data for data in made))
    command = [sys.executable, fuzz_child.__file__, str(path)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=3600, cwd="/")
    marks = done.stdout.decode()
    assert len(marks) == len(made)
    return marks


@given(st.binary(max_size=300))
def test_no_bytes_make_the_scanner_raise(data):
    assert scan_bytes(data).verdict in Rating


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_no_bytes_after_a_magic_number_make_the_scanner_raise(magic, data):
    assert scan_bytes(magic + data, "MLmodel").verdict in Rating
