"""Sealed files come back not at all when anything was changed, and from their own place only."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.keys.sealing import (
    BIG,
    HEADER,
    HERE,
    KEY,
    SEALED_SEGMENT,
    TAG,
    THREE,
    WAYS,
    by_stream,
    opening,
    refused,
    seal,
)

from strongroom.domain.errors import IntegrityError
from strongroom.keys.sealing import (
    SEGMENT,
    context_of,
    open_stream,
)


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
