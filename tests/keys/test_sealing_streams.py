"""A sealed file read like a plain one, and streams that give little, fail, or do not wait."""

from __future__ import annotations

import io
import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.keys.sealing import (
    BIG,
    HEADER,
    HERE,
    KEY,
    SEALED_SEGMENT,
    THREE,
    by_stream,
    seal,
)

from strongroom.domain.errors import InputError, IntegrityError
from strongroom.keys.sealing import (
    SEGMENT,
    SealedReader,
    open_stream,
    seal_stream,
)


def test_the_reader_answers_as_a_plain_file_would() -> None:
    data = BIG[: 3 * SEGMENT + 1000]
    plain, sealed = io.BytesIO(data), SealedReader(io.BytesIO(seal(data)), KEY, HERE)
    dice = random.Random(1)
    for _ in range(300):
        place, whence = {
            0: (dice.randrange(len(data) + 100), io.SEEK_SET),
            1: (-dice.randrange(len(data)), io.SEEK_END),
            2: (dice.randrange(SEGMENT), io.SEEK_CUR),
            3: (SEGMENT * dice.randrange(4) - dice.randrange(1), io.SEEK_SET),
        }[dice.randrange(4)]
        assert sealed.seek(place, whence) == plain.seek(place, whence)
        size = dice.choice([0, 1, 100, 70_000, SEGMENT, SEGMENT + 1, 2 * SEGMENT])
        assert sealed.read(size) == plain.read(size)
        assert sealed.tell() == plain.tell()
    sealed.seek(0)
    assert sealed.read() == data
    assert sealed.read() == b""
    sealed.close()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3 * SEGMENT), st.integers(0, 3 * SEGMENT))
def test_random_access_equals_slicing(start: int, length: int) -> None:
    with SealedReader(io.BytesIO(THREE), KEY, HERE) as reader:
        reader.seek(start)
        assert reader.read(length) == BIG[: 2 * SEGMENT + 1000][start : start + length]


def test_the_reader_reads_into_a_buffer_and_by_lines() -> None:
    data = b"line\n" * 300_000
    with SealedReader(io.BytesIO(seal(data)), KEY, HERE) as reader:
        assert reader.readable()
        assert reader.seekable()
        assert not reader.writable()
        assert sum(1 for _ in reader) == 300_000
        reader.seek(0)
        whole = bytearray(len(data))
        assert reader.readinto(whole) == len(data)
        assert whole == data


def test_the_reader_refuses_a_place_before_the_start() -> None:
    with (
        SealedReader(io.BytesIO(THREE), KEY, HERE) as reader,
        pytest.raises(ValueError, match="-1"),
    ):
        reader.seek(-1)


def test_the_reader_finds_a_damaged_segment_when_it_comes_to_it() -> None:
    damaged = bytearray(THREE)
    damaged[HEADER + SEALED_SEGMENT + 5] ^= 1
    with SealedReader(io.BytesIO(damaged), KEY, HERE, where="m.sealed") as reader:
        assert reader.read(100) == BIG[:100]
        reader.seek(SEGMENT + 5)
        for _ in range(2):  # and again, instead of giving what is left of it
            with pytest.raises(IntegrityError, match=r"m\.sealed: segment 1 "):
                reader.read(1)


def test_the_reader_closes_what_it_reads() -> None:
    source = io.BytesIO(THREE)
    SealedReader(source, KEY, HERE).close()
    assert source.closed


class Dribble(io.RawIOBase):
    """Gives and takes a few bytes at a time, as pipes and full buffers do."""

    def __init__(self, data: bytes = b"") -> None:
        self.left, self.taken = io.BytesIO(data), bytearray()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        return self.left.readinto(memoryview(buffer)[:300_001])

    def write(self, data: memoryview) -> int:
        some = bytes(data[:400_001])
        self.taken += some
        return len(some)


def test_streams_that_give_and_take_little_at_a_time_are_served() -> None:
    data, sealed, plain = BIG[: 3 * SEGMENT + 5], Dribble(), Dribble()
    seal_stream(Dribble(data), sealed, KEY, HERE)
    open_stream(Dribble(bytes(sealed.taken)), plain, KEY, HERE)
    assert plain.taken == data


class ReadOnlyObject:
    """Something file-like that has no `readinto`, as HTTP bodies and archives may be."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


def test_a_source_that_only_reads_is_served() -> None:
    target = io.BytesIO()
    seal_stream(ReadOnlyObject(BIG), target, KEY, HERE)  # type: ignore[arg-type]
    assert by_stream(target.getvalue()) == BIG


def test_a_source_that_does_not_wait_is_refused_instead_of_cut() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with (
        os.fdopen(reading, "rb", buffering=0) as source,
        os.fdopen(writing, "wb"),
        pytest.raises(InputError, match="does not wait"),
    ):
        seal_stream(source, io.BytesIO(), KEY, HERE)


def test_a_target_that_does_not_wait_is_refused_instead_of_cut() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with (
        os.fdopen(reading, "rb"),
        os.fdopen(writing, "wb", buffering=0) as target,
        pytest.raises(InputError, match="does not say what it took"),
    ):
        seal_stream(io.BytesIO(BIG), target, KEY, HERE)


class Broken(io.BytesIO):
    """A full disk, after so many bytes."""

    def write(self, data: bytes) -> int:
        if self.tell() > 3 * SEGMENT:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_an_error_of_the_target_comes_through_and_ends_all_threads() -> None:
    with pytest.raises(OSError, match="No space left"):
        seal_stream(io.BytesIO(BIG), Broken(), KEY, HERE)
    with pytest.raises(OSError, match="No space left"):
        open_stream(io.BytesIO(seal(BIG)), Broken(), KEY, HERE)


class Failing(io.BytesIO):
    """A disk that cannot be read, after so many bytes."""

    def readinto(self, buffer: bytearray) -> int:
        if self.tell() >= 5 * SEGMENT:
            raise OSError(5, "Input/output error")
        return super().readinto(buffer)


def test_an_error_of_the_source_comes_through() -> None:
    with pytest.raises(OSError, match="Input/output error"):
        seal_stream(Failing(BIG), io.BytesIO(), KEY, HERE)


def test_many_threads_may_seal_and_open_at_once() -> None:
    def there_and_back(n: int) -> bool:
        data = BIG[n * 1000 : n * 1000 + 3 * SEGMENT]
        return by_stream(seal(data)) == data

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(there_and_back, range(8)))


def test_only_what_is_left_of_a_source_is_sealed() -> None:
    source: BinaryIO = io.BytesIO(b"0123456789")
    source.seek(4)
    target = io.BytesIO()
    seal_stream(source, target, KEY, HERE)
    assert by_stream(target.getvalue()) == b"456789"
