"""What every key service must do, each against the real one or its server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from strongroom.domain.errors import InputError, IntegrityError, KeyAccessError
from strongroom.keys.kms import Kms

DATA_KEY = bytes(range(32))
HERE = b'{"model":"fraud","version":"1"}'

Open = Callable[[], Kms]
"""Opens the same service anew, as another process would."""


def test_a_wrapped_key_is_unwrapped_by_another_process(opened: Open) -> None:
    wrapped = opened().wrap(DATA_KEY, HERE, name="fraud")
    assert opened().unwrap(wrapped, HERE) == DATA_KEY


def test_a_wrapped_key_says_nothing_and_is_never_the_same(opened: Open) -> None:
    kms = opened()
    wrapped = {kms.wrap(DATA_KEY, HERE) for _ in range(20)}
    assert len(wrapped) == 20
    assert not any(DATA_KEY in w for w in wrapped)


def test_a_wrapped_key_is_good_for_its_context_only(opened: Open) -> None:
    wrapped = opened().wrap(DATA_KEY, HERE)
    for there in (b"", HERE + b" ", b'{"model":"fraud","version":"2"}'):
        with pytest.raises(IntegrityError, match="changed, or made for something else"):
            opened().unwrap(wrapped, there)


def test_changed_bytes_of_a_wrapped_key_are_refused(opened: Open) -> None:
    """Every byte of ours, every fifth of the service's; a changed name may be of no key."""
    kms = opened()
    wrapped = kms.wrap(DATA_KEY, HERE, name="fraud")
    for place in (*range(64), *range(64, len(wrapped), 5)):
        for bit in (1, 128):
            if bit == 128 and place % 16:
                continue  # each is a call to a service
            changed = bytearray(wrapped)
            changed[place] ^= bit
            with pytest.raises((IntegrityError, KeyAccessError)):
                kms.unwrap(bytes(changed), HERE)


def test_a_cut_or_longer_wrapped_key_is_refused(opened: Open) -> None:
    kms = opened()
    wrapped = kms.wrap(DATA_KEY, HERE)
    for length in range(0, len(wrapped), 7):
        with pytest.raises((IntegrityError, KeyAccessError)):
            kms.unwrap(wrapped[:length], HERE)
    with pytest.raises(IntegrityError):
        kms.unwrap(wrapped + b"\0", HERE)


def test_a_key_wrapped_under_one_name_does_not_unwrap_under_another(opened: Open) -> None:
    kms = opened()
    kms.create_key("beta1")
    wrapped = kms.wrap(DATA_KEY, HERE, name="alpha")
    with pytest.raises(IntegrityError):
        kms.unwrap(wrapped.replace(b"alpha", b"beta1"), HERE)


def test_making_a_key_twice_keeps_it(opened: Open) -> None:
    kms = opened()
    kms.create_key("fraud")
    wrapped = kms.wrap(DATA_KEY, HERE, name="fraud")
    kms.create_key("fraud")
    assert kms.unwrap(wrapped, HERE) == DATA_KEY


def test_a_destroyed_key_unwraps_nothing_ever_again(opened: Open) -> None:
    kms = opened()
    wrapped, other = kms.wrap(DATA_KEY, HERE, name="v1"), kms.wrap(DATA_KEY, HERE, name="v2")
    kms.destroy("v1")
    for service in (kms, opened()):
        for act in (
            lambda s=service: s.unwrap(wrapped, HERE),
            lambda s=service: s.wrap(DATA_KEY, HERE, name="v1"),
            lambda s=service: s.create_key("v1"),
        ):
            with pytest.raises(KeyAccessError, match="key v1 was destroyed"):
                act()
        assert service.unwrap(other, HERE) == DATA_KEY


def test_destroying_twice_is_one_destruction(opened: Open) -> None:
    kms = opened()
    kms.create_key("v1")
    kms.destroy("v1")
    kms.destroy("v1")


def test_destroying_what_never_was_is_an_error(opened: Open) -> None:
    with pytest.raises(KeyAccessError, match="there is no key v9"):
        opened().destroy("v9")


@pytest.mark.parametrize("name", ["", "../root", "a/b", "A", ".hidden", "x" * 64, "a\0", "a\n"])
def test_what_is_no_name_is_refused(opened: Open, name: str) -> None:
    kms = opened()
    for act in (kms.create_key, kms.destroy, lambda n: kms.wrap(DATA_KEY, HERE, name=n)):
        with pytest.raises(InputError, match="not a name for a key"):
            act(name)


@pytest.mark.parametrize("key", [b"", b"x" * 31, b"x" * 33, "x" * 32])
def test_what_is_no_data_key_is_refused(opened: Open, key: bytes) -> None:
    with pytest.raises(InputError, match="a data key is 32 bytes"):
        opened().wrap(key, HERE)


def test_many_that_make_the_same_key_at_once_share_it(opened: Open) -> None:
    services = [opened() for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        wrapped = list(pool.map(lambda n: services[n % 3].wrap(DATA_KEY, HERE), range(12)))
    assert {services[0].unwrap(w, HERE) for w in wrapped} == {DATA_KEY}


def test_after_a_rotation_the_old_wrapping_opens_and_a_new_one_is_under_the_new_version(
    opened: Open,
) -> None:
    kms = opened()
    first = kms.wrap(DATA_KEY, HERE, name="fraud")
    kms.rotate("fraud")
    second = kms.wrap(DATA_KEY, HERE, name="fraud")
    assert {opened().unwrap(w, HERE) for w in (first, second)} == {DATA_KEY}


def test_a_retired_version_opens_nothing_where_the_service_can_retire(opened: Open) -> None:
    kms = opened()
    first = kms.wrap(DATA_KEY, HERE, name="fraud")
    kms.rotate("fraud")
    second = kms.wrap(DATA_KEY, HERE, name="fraud")
    kms.rotate("fraud")  # as a service may do by itself: nothing was wrapped under it
    retired = kms.retire(second)
    assert opened().unwrap(second, HERE) == DATA_KEY
    if retired:
        with pytest.raises(KeyAccessError):
            opened().unwrap(first, HERE)
    else:
        assert opened().unwrap(first, HERE) == DATA_KEY


def test_rotating_or_retiring_what_is_not_there_is_an_error(opened: Open) -> None:
    with pytest.raises(KeyAccessError, match="there is no key v9"):
        opened().rotate("v9")


def test_a_wrapped_key_of_another_service_says_which_kind_it_needs(
    opened: Open, other_wrapped: bytes
) -> None:
    with pytest.raises((KeyAccessError, IntegrityError), match=r"another kind|something else"):
        opened().unwrap(other_wrapped, HERE)
