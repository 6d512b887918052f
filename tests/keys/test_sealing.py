"""Sealed files: they come back whole or not at all, from their own place only."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import InputError, IntegrityError
from strongroom.keys.sealing import (
    SEGMENT,
    SealedReader,
    context_of,
    new_key,
    open_into,
    open_stream,
    seal_into,
    seal_stream,
    sealed_chunks,
    sealed_size,
)

HEADER, TAG = 80, 16
SEALED_SEGMENT = SEGMENT + TAG
KEY = bytes(range(32))
HERE = context_of(model="fraud", version="1", path="model.onnx")
SIZES = sorted(
    {0, 1, 15, 16, 17} | {n * SEGMENT + d for n in (1, 2, 3, 9) for d in (-17, -16, -1, 0, 1, 17)}
)
BIG = random.Random(7).randbytes(10 * SEGMENT)


def seal(data: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    target = io.BytesIO()
    seal_stream(io.BytesIO(data), target, key, context)
    return target.getvalue()


def by_stream(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    target = io.BytesIO()
    open_stream(io.BytesIO(sealed), target, key, context, where="m.sealed")
    return target.getvalue()


def by_reader(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    with SealedReader(io.BytesIO(sealed), key, context, where="m.sealed") as reader:
        return reader.read()


def in_memory(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bytes:
    segments = max(1, -(-(len(sealed) - HEADER) // SEALED_SEGMENT))
    out = bytearray(max(0, len(sealed) - HEADER - TAG * segments))
    open_into(sealed, out, key, context, where="m.sealed")
    return bytes(out)


WAYS: list[Callable[..., bytes]] = [by_stream, by_reader, in_memory]
opening = pytest.mark.parametrize("opened", WAYS)


def refused(sealed: bytes, key: bytes = KEY, context: bytes = HERE) -> bool:
    """Whether all ways of opening refuse, and name the file."""
    for opened in WAYS:
        with pytest.raises(IntegrityError, match=r"^m\.sealed: "):
            opened(sealed, key, context)
    return True


@opening
@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_is_opened(opened: Callable[..., bytes], size: int) -> None:
    sealed = seal(BIG[:size])
    assert len(sealed) == sealed_size(size)
    assert opened(sealed) == BIG[:size]


@pytest.mark.parametrize("size", SIZES)
def test_all_ways_of_sealing_open_alike(size: int) -> None:
    out = bytearray(sealed_size(size))
    seal_into(BIG[:size], out, KEY, HERE)
    assert by_stream(bytes(out)) == BIG[:size]
    assert by_stream(b"".join(sealed_chunks(io.BytesIO(BIG[:size]), KEY, HERE))) == BIG[:size]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), st.integers(-40, 40), st.integers(0, SEGMENT))
def test_any_size_around_a_boundary_comes_back(segments: int, off: int, start: int) -> None:
    data = BIG[start : start + max(0, segments * SEGMENT + off)]
    assert by_stream(seal(data)) == by_reader(seal(data)) == data


def test_nothing_of_the_plaintext_shows() -> None:
    assert b"secret" not in seal(b"secret" * 100)


def test_the_same_plaintext_is_never_sealed_alike() -> None:
    assert len({seal(b"x") for _ in range(50)}) == 50


def test_new_keys_are_new() -> None:
    assert len({new_key() for _ in range(50)}) == 50
    assert len(new_key()) == 32


@pytest.mark.parametrize("key", [b"", b"x" * 16, b"x" * 31, b"x" * 33, "x" * 32, bytearray(32)])
def test_what_is_no_data_key_is_refused(key: bytes) -> None:
    for act in (lambda: seal(b"", key), lambda: by_stream(seal(b""), key)):
        with pytest.raises(InputError, match="a data key is 32 bytes"):
            act()


@pytest.mark.parametrize("context", [b"x" * 16_385, "text"])
def test_what_is_no_context_is_refused(context: bytes) -> None:
    with pytest.raises(InputError, match="a context is at most 16384 bytes"):
        seal(b"", KEY, context)


def test_a_buffer_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="a buffer of 96 bytes, 97 needed"):
        seal_into(b"x", bytearray(96), KEY, HERE)
    with pytest.raises(InputError, match="a buffer of 2 bytes, 1 needed"):
        open_into(seal(b"x"), bytearray(2), KEY, HERE)


def test_another_key_is_refused() -> None:
    assert refused(seal(b"data"), key=bytes(32))


@pytest.mark.parametrize(
    "there",
    [
        context_of(model="fraud", version="1", path="other.onnx"),
        context_of(model="fraud", version="2", path="model.onnx"),
        context_of(model="aml", version="1", path="model.onnx"),
        context_of(model="fraud", version="1"),
        context_of(model="fraud", version="1model.onnx", path=""),
        b"",
    ],
)
def test_a_file_opens_in_its_own_place_only(there: bytes) -> None:
    assert refused(seal(b"data"), context=there)


HEADER_FIELDS = {
    "magic": range(15),
    "version": range(15, 16),
    "salt": range(16, 48),
    "commitment": range(48, 80),
}


@pytest.mark.parametrize("field", HEADER_FIELDS)
def test_any_change_in_the_header_is_refused(field: str) -> None:
    good = seal(b"data")
    for place in HEADER_FIELDS[field]:
        changed = bytearray(good)
        changed[place] ^= 1
        assert refused(bytes(changed))


def test_the_header_of_another_file_is_refused() -> None:
    first, second = seal(b"data"), seal(b"data")
    assert refused(first[:HEADER] + second[HEADER:])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_one_changed_byte_anywhere_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([0, 1, 1000, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 5]))
    changed = bytearray(seal(BIG[:size]))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    for opened in WAYS:
        with pytest.raises(IntegrityError):
            opened(bytes(changed))


THREE = seal(BIG[: 2 * SEGMENT + 1000])
PARTS = [
    THREE[HEADER : HEADER + SEALED_SEGMENT],
    THREE[HEADER + SEALED_SEGMENT : HEADER + 2 * SEALED_SEGMENT],
    THREE[HEADER + 2 * SEALED_SEGMENT :],
]


def joined(*parts: bytes) -> bytes:
    return THREE[:HEADER] + b"".join(parts)


CUTS = sorted(
    {0, 1, 16, HEADER - 1, HEADER, HEADER + 1, HEADER + TAG - 1, HEADER + TAG, len(THREE) - 1}
    | {HEADER + n * SEALED_SEGMENT + d for n in (1, 2) for d in (-TAG, -1, 0, 1, TAG, TAG + 1)}
    | {HEADER + SEALED_SEGMENT // 2, HEADER + SEALED_SEGMENT * 3 // 2, len(THREE) - 500}
)


@pytest.mark.parametrize("length", CUTS)
def test_a_file_cut_anywhere_is_refused(length: int) -> None:
    assert refused(THREE[:length])


@pytest.mark.parametrize("size", [0, 1, SEGMENT, 2 * SEGMENT])
def test_a_file_of_whole_segments_cut_at_a_boundary_is_refused(size: int) -> None:
    sealed = seal(BIG[:size])
    lengths = [n for n in (HEADER, HEADER + SEALED_SEGMENT, len(sealed) - 1) if n < len(sealed)]
    assert all(refused(sealed[:length]) for length in lengths)


def test_reordered_repeated_and_missing_segments_are_refused() -> None:
    first, second, last = PARTS
    for wrong in (
        joined(second, first, last),
        joined(first, first, last),
        joined(first, last),
        joined(second, last),
        joined(first, second, second, last),
        joined(first, second, last, last),
        joined(last),
        joined(last, first, second),
    ):
        assert refused(wrong)


def test_appended_bytes_are_refused() -> None:
    for more in (b"\0", bytes(TAG), PARTS[2], PARTS[0], THREE):
        assert refused(THREE + more)
        assert refused(seal(b"") + more)
        assert refused(seal(BIG[:SEGMENT]) + more)


def test_a_segment_of_another_file_is_refused() -> None:
    """Of the same key and place, hence only the salt is another."""
    other = seal(BIG[: 2 * SEGMENT + 1000])
    for n in range(3):
        parts = list(PARTS)
        start = HEADER + n * SEALED_SEGMENT
        parts[n] = other[start : start + SEALED_SEGMENT]
        assert refused(joined(*parts))


def test_files_of_one_version_cannot_change_places() -> None:
    there = context_of(model="fraud", version="1", path="threshold.json")
    first, second = seal(b"a", KEY, HERE), seal(b"b", KEY, there)
    assert refused(second)
    with pytest.raises(IntegrityError, match="another model, version or path"):
        by_stream(first, KEY, there)


@opening
@given(data=st.binary(max_size=300))
def test_opening_any_bytes_raises_nothing_but_integrity_error(
    opened: Callable[..., bytes], data: bytes
) -> None:
    for sealed in (data, b"strongroom seal\x01" + data, THREE[:HEADER] + data):
        with pytest.raises(IntegrityError):
            opened(sealed)


def test_before_an_error_a_stream_gives_only_what_is_genuine() -> None:
    damaged = bytearray(THREE)
    damaged[-1] ^= 1
    target = io.BytesIO()
    with pytest.raises(IntegrityError, match="segment 2 is not what was sealed there"):
        open_stream(io.BytesIO(damaged), target, KEY, HERE)
    assert BIG.startswith(target.getvalue())


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
