"""What columns are called."""

import pytest

from strongroom.governance.words import looks_protected


@pytest.mark.parametrize("name", ["sex", "customer_sex", "customerAgeBand", "CODE_GENDER", "Age"])
def test_a_protected_attribute_is_known_whoever_s_it_is(name):
    assert looks_protected(name)


@pytest.mark.parametrize("name", ["account_age", "page", "customer", "", "sexagesimal", "usage"])
def test_what_only_sounds_like_one_is_not(name):
    assert not looks_protected(name)
