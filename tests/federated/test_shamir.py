from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError
from strongroom.federated.shamir import PRIME, at_zero, combine, shares_of, split


def test_published_example():
    """The worked example of Wikipedia's "Shamir's secret sharing": 1234 = f(0) modulo 1613."""
    shares = shares_of([1234, 166, 94], range(1, 7), 3, 1613)
    assert shares == {1: 1494, 2: 329, 3: 965, 4: 176, 5: 1188, 6: 775}
    assert {at_zero({p: shares[p] for p in three}, 1613) for three in combinations(shares, 3)} == {
        1234
    }


def test_prime_is_prime():
    """Lucas-Lehmer: 2^521 - 1 is a Mersenne prime, so every number but 0 has an inverse."""
    value = 4
    for _ in range(519):
        value = (value * value - 2) % PRIME
    assert value == 0


@given(st.binary(min_size=32, max_size=32), st.integers(1, 6), st.data())
def test_any_threshold_of_shares_gives_the_secret(secret, threshold, data):
    entropy = data.draw(st.randoms(use_true_random=False)).randbytes
    shares = split(secret, range(1, 7), threshold, entropy)
    chosen = data.draw(st.permutations(range(1, 7)))[:threshold]
    assert combine({point: shares[point] for point in chosen}) == secret


@given(st.integers(0, PRIME - 1), st.integers(0, PRIME - 1), st.integers(0, 2**256 - 1))
def test_two_of_three_shares_fit_every_secret(one, two, secret):
    """For any two shares and any secret there is exactly one third share that makes it."""
    lines = {1: one, 2: two, 4: 0}
    base = at_zero(lines, PRIME)
    weight = (at_zero({1: 0, 2: 0, 4: 1}, PRIME)) % PRIME
    third = (secret - base) * pow(weight, -1, PRIME) % PRIME
    assert at_zero({1: one, 2: two, 4: third}, PRIME) == secret


@pytest.mark.parametrize("points", [[1, 1, 2], [0, 1, 2], [1, 2]])
def test_points_are_distinct_positive_and_enough(points):
    with pytest.raises(InputError):
        split(bytes(32), points, 3, bytes)


def test_secret_of_another_size_is_refused():
    with pytest.raises(InputError, match="31 bytes"):
        split(bytes(31), [1, 2, 3], 2, bytes)
