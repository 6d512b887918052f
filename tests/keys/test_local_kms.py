"""The local key service: how it keeps its files, and URIs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError, KeyAccessError, StoreError, StrongroomError
from strongroom.keys.kms import LocalKms, kms_from_uri

SECRET = b"s" * 32
DATA_KEY = bytes(range(32))
HERE = b'{"model":"fraud","version":"1"}'


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
            "valet:https://kms",
            SECRET,
            r"valet:https://kms: no key service of scheme 'valet' .*local",
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


def test_what_an_older_version_wrapped_opens_until_that_is_retired(tmp_path: Path) -> None:
    kms = local(tmp_path)
    first = kms.wrap(DATA_KEY, HERE, name="fraud")
    kms.rotate("fraud")
    second = kms.wrap(DATA_KEY, HERE, name="fraud")
    assert {p.name for p in tmp_path.iterdir()} == {"root", "fraud.key", "fraud@2.key"}
    kms.retire(second)
    assert {p.name for p in tmp_path.iterdir()} == {"root", "fraud@2.key"}
    assert local(tmp_path).unwrap(second, HERE) == DATA_KEY
    with pytest.raises(KeyAccessError, match="no such key file"):
        local(tmp_path).unwrap(first, HERE)
    kms.destroy("fraud")
    assert {p.name for p in tmp_path.iterdir()} == {"root", "fraud.destroyed"}
