"""Memory, time, depth and ratio are bounded; passing a bound is a verdict, not a crash."""

import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from tests.assess.scanner.specimens.containers import EVIL, zip_of

from strongroom.assess.scanner import Limits, Rating, scan_bytes, scan_file

RESIDENT = 256 * 2**20
MEASURE = """
import sys
from pathlib import Path
from strongroom.assess.scanner import scan_file
verdict = scan_file(Path(sys.argv[1])).verdict.value
lines = Path("/proc/self/status").read_text().splitlines()
print(verdict, *[line.split()[1] for line in lines if line.startswith("VmHWM")])
"""


def measured(path):
    """Verdict, and peak resident bytes of a process that only scans."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    verdict, kilobytes = done.stdout.split()
    return verdict, int(kilobytes) * 1024


def text(index):
    return b"\x8c\x78" + f"{index:0120}".encode()


def distinct_names(file):
    """Every string is new, looks like a name, and is put in the memo."""
    file.write(b"\x80\x04](")
    for i in range(600_000):
        file.write(b"\x8c\x40" + b"n" * 57 + f"{i:07}".encode() + b"\x94")
    file.write(b"e.")


def tall_stack(file):
    """Strings that nothing takes from the stack."""
    file.write(b"\x80\x04(")
    for i in range(520_000):
        file.write(text(i))
    file.write(b"t.")


def sparse_memo(file):
    """Memo indices far apart."""
    file.write(b"\x80\x04N")
    for i in range(600_000):
        file.write(b"r" + struct.pack("<I", i * 7 + 1000))
    file.write(b".")


def models_in_models(file):
    """Blobs that might each be a pickle."""
    file.write(b"\x80\x04](")
    blob = b"\x80\x04" + b"\0" * (15 << 20)
    for _ in range(10):
        file.write(b"B" + struct.pack("<I", len(blob)) + blob)
    file.write(b"e.")


def empty_lists(file):
    """JSON that takes twenty times its text."""
    file.write(b"[" + b"[]," * 2_700_000 + b"[]]")


MAKERS = [
    distinct_names,
    *(
        pytest.param(make, marks=pytest.mark.slow, id=make.__name__)
        for make in (tall_stack, sparse_memo, models_in_models, empty_lists)
    ),
]


@pytest.mark.parametrize("make", MAKERS)
def test_no_file_makes_the_scanner_take_more_than_256_mb(make, tmp_path):
    path = tmp_path / "model.pkl"
    with path.open("wb") as file:
        make(file)
    verdict, resident = measured(path)
    assert resident < RESIDENT
    assert verdict in {"clean", "unknown"}


def test_a_large_array_is_passed_over_without_being_read(tmp_path):
    path = tmp_path / "model.pkl"
    with path.open("wb") as file:
        pickle.dump(np.zeros(30_000_000), file, 4)
    verdict, resident = measured(path)
    assert verdict == "clean"
    assert resident < 64 * 2**20


def test_time_is_bounded():
    data = b"\x80\x04" + b"\x8c\x01x\x94" * 2_000_000
    report = scan_bytes(data, limits=Limits(seconds=0.05))
    assert report.verdict is Rating.UNKNOWN
    assert "seconds" in report.findings[0].message


def test_a_bomb_is_a_verdict():
    bomb = zip_of({"zeros.pkl": pickle.dumps(b"\0" * (70 << 20))}, compression=8)
    report = scan_bytes(bomb, limits=Limits(ratio=100))
    assert report.verdict is Rating.BLOCK
    assert report.findings[0].rule == "limit.bomb"
    assert "times its size" in report.findings[0].message


def test_an_array_of_zeros_is_no_bomb():
    """Deflate packs it as far as deflate can, 1032 to 1: an ordinary file of fresh weights."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, np.zeros(10_000_000))
    assert len(buffer.getvalue()) * 1000 < 80_000_000
    assert scan_bytes(buffer.getvalue()).verdict is Rating.CLEAN


def test_what_unpacks_to_too_much_is_a_verdict():
    report = scan_bytes(
        zip_of({"a": b"x" * 9_000_000}, compression=8), limits=Limits(expanded_bytes=10**6)
    )
    assert report.verdict is Rating.UNKNOWN


def test_a_hazard_found_before_a_limit_counts():
    many = zip_of({"evil.pkl": EVIL, **{f"{i}": b"x" for i in range(50)}})
    assert scan_bytes(many, limits=Limits(members=200)).verdict is Rating.BLOCK


def test_a_call_before_a_limit_is_blocked_all_the_same():
    evil = EVIL[:-1] + b"(" + b"N" * 600_000 + b"t."
    assert scan_bytes(evil).verdict is Rating.BLOCK
    assert scan_bytes(b"cos\nsystem\n(S'true'\ntR(" + b"N" * 600_000).verdict is Rating.BLOCK
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in [("evil.pkl", EVIL), *((f"{i}", b"x") for i in range(60))]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert scan_bytes(buffer.getvalue(), limits=Limits(members=30)).verdict is Rating.BLOCK


def test_an_honest_pickle_that_is_cut_is_unknown_not_blocked():
    whole = pickle.dumps([np.arange(5), np.arange(3)], 2)
    for end in range(3, len(whole)):
        assert scan_bytes(whole[:end]).verdict is Rating.UNKNOWN, end


def test_too_many_entries_is_a_verdict():
    many = zip_of({f"{i}": b"x" for i in range(50)})
    assert scan_bytes(many, limits=Limits(members=20)).verdict is Rating.UNKNOWN


def test_what_is_not_a_file_or_not_there_or_not_readable_is_unknown(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", tmp_path / ("x" * 300)):
        assert scan_file(path).verdict is Rating.UNKNOWN
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert scan_file(loop).verdict is Rating.UNKNOWN


def test_every_cut_of_a_model_is_judged_without_a_crash():
    for data in (EVIL, zip_of({"archive/data.pkl": EVIL, "archive/data/0": b"1234"})):
        for end in range(len(data)):
            assert scan_bytes(data[:end]).verdict in Rating


def test_every_changed_byte_of_a_zip_leaves_the_payload_found_or_the_file_unjudged():
    data = zip_of({"archive/data.pkl": EVIL, "archive/version": b"3"})
    start = data.index(EVIL)
    for at in range(len(data)):
        if start <= at < start + len(EVIL):
            continue
        changed = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        assert scan_bytes(changed).verdict is not Rating.CLEAN, at
