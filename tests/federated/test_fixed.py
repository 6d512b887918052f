from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from strongroom.domain.errors import InputError, LimitError
from strongroom.federated.fixed import (
    MAX_ENTRY,
    RESOLUTION,
    decode,
    encode,
    from_bytes,
    to_bytes,
)

entries = arrays(np.float64, st.integers(0, 20), elements=st.floats(-MAX_ENTRY, MAX_ENTRY))


@given(entries)
def test_decoded_is_within_half_a_step(values):
    assert np.abs(decode(encode(values)) - values).max(initial=0) <= RESOLUTION / 2


@given(arrays(np.float64, (6, 4), elements=st.floats(-1e6, 1e6)), st.permutations(range(6)))
def test_sums_are_the_same_in_every_order(values, order):
    words = [encode(row) for row in values]
    total = np.sum(words, axis=0, dtype=np.uint64)
    assert np.array_equal(np.sum([words[i] for i in order], axis=0, dtype=np.uint64), total)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad):
    with pytest.raises(InputError, match="not finite"):
        encode(np.array([0.0, bad]))


def test_too_large_is_refused_rather_than_wrapped():
    with pytest.raises(LimitError):
        encode(np.array([MAX_ENTRY * 2]))


def test_a_thousand_banks_of_the_largest_entry_do_not_wrap():
    total = encode(np.array([MAX_ENTRY])) * np.uint64(1000)
    assert decode(total)[0] == 1000 * MAX_ENTRY


@given(entries)
def test_bytes_round_trip(values):
    words = encode(values)
    assert np.array_equal(from_bytes(to_bytes(words), len(words), where="x"), words)


def test_bytes_of_another_length_are_refused():
    with pytest.raises(InputError, match="7 bytes"):
        from_bytes(bytes(7), 1, where="x")
