"""Key services: what every one of them must do, and how the local one keeps its files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import (
    InputError,
    IntegrityError,
    KeyAccessError,
    StoreError,
    StrongroomError,
)
from strongroom.keys.kms import Kms, LocalKms, kms_from_uri

SECRET = b"s" * 32
DATA_KEY = bytes(range(32))
HERE = b'{"model":"fraud","version":"1"}'

Open = Callable[[], Kms]
"""Opens the same service anew, as another process would."""


@pytest.fixture(params=["local"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each key service in turn: an adapter that comes later is added here."""
    return lambda: kms_from_uri(f"{request.param}:{tmp_path}/kms", secret=SECRET, guessable=False)


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


def test_every_changed_byte_of_a_wrapped_key_is_refused(opened: Open) -> None:
    """Where the key's name changes, there may be no key of that name."""
    kms = opened()
    wrapped = kms.wrap(DATA_KEY, HERE, name="fraud")
    for place in range(len(wrapped)):
        for bit in (1, 128):
            changed = bytearray(wrapped)
            changed[place] ^= bit
            with pytest.raises((IntegrityError, KeyAccessError)):
                kms.unwrap(bytes(changed), HERE)


def test_a_cut_or_longer_wrapped_key_is_refused(opened: Open) -> None:
    kms = opened()
    wrapped = kms.wrap(DATA_KEY, HERE)
    for length in range(len(wrapped)):
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
    with ThreadPoolExecutor(8) as pool:
        wrapped = list(pool.map(lambda _: opened().wrap(DATA_KEY, HERE), range(16)))
    assert {opened().unwrap(w, HERE) for w in wrapped} == {DATA_KEY}


@given(data=st.binary(max_size=120))
def test_unwrapping_any_bytes_raises_nothing_but_our_errors(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    kms = LocalKms(tmp_path_factory.getbasetemp() / "any", SECRET, guessable=False)
    for wrapped in (data, b"strongroom wrap\x01" + data):
        with pytest.raises(StrongroomError):
            kms.unwrap(wrapped, HERE)


def local(folder: Path, secret: bytes = SECRET) -> LocalKms:
    return LocalKms(folder, secret, guessable=False)


def test_the_wrong_secret_says_so(tmp_path: Path) -> None:
    wrapped = local(tmp_path).wrap(DATA_KEY, HERE)
    with pytest.raises(KeyAccessError, match=r"root: wrong secret for the key service"):
        local(tmp_path, b"other").unwrap(wrapped, HERE)


def test_the_folder_and_its_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    local(tmp_path / "kms").wrap(DATA_KEY, HERE)
    assert (tmp_path / "kms").stat().st_mode & 0o777 == 0o700
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "kms").iterdir()}
    assert modes == {"root": 0o600, "default.key": 0o600}


@pytest.mark.parametrize("name", ["root", "default.key"])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, name: str) -> None:
    wrapped = local(tmp_path).wrap(DATA_KEY, HERE)
    (tmp_path / name).chmod(0o644)
    with pytest.raises(KeyAccessError, match=r"mode 0644\)"):
        local(tmp_path).unwrap(wrapped, HERE)


@pytest.mark.parametrize("name", ["root", "default.key"])
def test_every_changed_byte_of_its_files_is_noticed(tmp_path: Path, name: str) -> None:
    wrapped = local(tmp_path).wrap(DATA_KEY, HERE)
    good = (tmp_path / name).read_bytes()
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(KeyAccessError):
            local(tmp_path).unwrap(wrapped, HERE)
    for changed in (b"", good[:20], good[:-1], good + b"\0"):
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(KeyAccessError):
            local(tmp_path).unwrap(wrapped, HERE)


def test_a_folder_made_for_a_passphrase_says_what_a_guess_costs(tmp_path: Path) -> None:
    """In the root file, and only in the two ways that we write."""
    wrapped = LocalKms(tmp_path, b"passphrase").wrap(DATA_KEY, HERE)
    assert local(tmp_path, b"passphrase").unwrap(wrapped, HERE) == DATA_KEY
    good = (tmp_path / "root").read_bytes()
    for flag in (b"\x00", b"\x02", b"\xff"):
        (tmp_path / "root").write_bytes(good[:16] + flag + good[17:])
        with pytest.raises(KeyAccessError):
            local(tmp_path, b"passphrase").unwrap(wrapped, HERE)


def test_a_key_file_under_another_name_is_refused(tmp_path: Path) -> None:
    kms = local(tmp_path)
    wrapped = kms.wrap(DATA_KEY, HERE, name="a")
    kms.create_key("b")
    (tmp_path / "b.key").replace(tmp_path / "a.key")
    with pytest.raises(KeyAccessError, match=r"a\.key: not a key of this key service"):
        kms.unwrap(wrapped, HERE)


def test_a_key_file_of_another_service_is_refused(tmp_path: Path) -> None:
    wrapped = local(tmp_path / "a").wrap(DATA_KEY, HERE)
    local(tmp_path / "b").create_key("default")
    (tmp_path / "b" / "default.key").replace(tmp_path / "a" / "default.key")
    with pytest.raises(KeyAccessError, match="not a key of this key service"):
        local(tmp_path / "a").unwrap(wrapped, HERE)


def test_a_missing_key_says_so(tmp_path: Path) -> None:
    wrapped = local(tmp_path).wrap(DATA_KEY, HERE)
    (tmp_path / "default.key").unlink()
    with pytest.raises(KeyAccessError, match=r"default\.key: there is no such key file"):
        local(tmp_path).unwrap(wrapped, HERE)


def test_a_lost_root_file_is_not_made_anew_over_keys_that_are_there(tmp_path: Path) -> None:
    wrapped = local(tmp_path).wrap(DATA_KEY, HERE)
    root = (tmp_path / "root").read_bytes()
    (tmp_path / "root").unlink()
    for act in (
        lambda: local(tmp_path).unwrap(wrapped, HERE),
        lambda: local(tmp_path).wrap(DATA_KEY, HERE, name="other"),
    ):
        with pytest.raises(KeyAccessError, match="root: there is no such key file"):
            act()
    (tmp_path / "root").write_bytes(root)
    (tmp_path / "root").chmod(0o600)
    assert local(tmp_path).unwrap(wrapped, HERE) == DATA_KEY


def test_a_destruction_that_was_cut_short_still_counts(tmp_path: Path) -> None:
    """Killed between the tombstone and the deletion: the key file lies there, and is not used."""
    wrapped = local(tmp_path).wrap(DATA_KEY, HERE)
    key = (tmp_path / "default.key").read_bytes()
    local(tmp_path).destroy("default")
    (tmp_path / "default.key").write_bytes(key)
    (tmp_path / "default.key").chmod(0o600)
    with pytest.raises(KeyAccessError, match="was destroyed"):
        local(tmp_path).unwrap(wrapped, HERE)
    local(tmp_path).destroy("default")
    assert not (tmp_path / "default.key").exists()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((StoreError, KeyAccessError), match=r"cannot be (made|read)"):
        local(tmp_path / "file" / "kms").wrap(DATA_KEY, HERE)


def test_opening_a_service_writes_nothing(tmp_path: Path) -> None:
    kms_from_uri(f"local:{tmp_path}/kms", secret=SECRET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "secret", "reason"),
    [
        (
            "vault:https://kms",
            SECRET,
            r"vault:https://kms: no key service of scheme 'vault' .*local",
        ),
        ("", SECRET, "no key service of scheme ''"),
        ("/var/keys", SECRET, "no key service of scheme '/var/keys'"),
        ("local:", SECRET, "with no folder"),
        ("local:keys", None, "with no secret .*STRONGROOM_PASSPHRASE"),
        ("local:keys", b"", "with no secret"),
    ],
)
def test_a_uri_that_names_no_service_says_why(uri: str, secret: bytes | None, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        kms_from_uri(uri, secret=secret)


def test_a_service_is_opened_again_by_its_own_uri(tmp_path: Path) -> None:
    kms = local(tmp_path / "with space")
    wrapped = kms.wrap(DATA_KEY, HERE)
    assert kms_from_uri(kms.uri, secret=SECRET).unwrap(wrapped, HERE) == DATA_KEY
