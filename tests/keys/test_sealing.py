"""Sealed files come back whole, whichever way they were sealed and are opened."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.keys.sealing import (
    BIG,
    HERE,
    KEY,
    SIZES,
    by_reader,
    by_stream,
    opening,
    seal,
)

from strongroom.domain.errors import InputError
from strongroom.keys.sealing import (
    SEGMENT,
    new_key,
    open_into,
    seal_into,
    sealed_chunks,
    sealed_size,
)


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
