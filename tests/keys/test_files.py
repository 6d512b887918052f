"""Key files: locked, private, whole, and any change noticed."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import InputError, KeyAccessError, StoreError
from strongroom.keys.files import load_key, public_key_of, save_key
from strongroom.keys.keypair import KeyPair, generate

PASSPHRASE = b"correct horse"
VECTORS = Path(__file__).parent / "vectors"
KEY_IDS = {
    "ed25519": "3ffb075d19d69f189c7984ac13ac154e28759b01d3205f06f36a25dde8dbfac6",
    "ecdsa-p256": "aa8945153fb0c4ce57bd77e9ccbd7f5e54bac67cbc4c422f379d773ae56f05fb",
}


@pytest.fixture(params=["ed25519", "ecdsa-p256"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[KeyPair, Path]:
    pair, path = generate(request.param), tmp_path / "alice.key"
    save_key(pair, path, PASSPHRASE, guessable=False)
    return pair, path


def test_a_saved_key_signs_as_before(saved: tuple[KeyPair, Path]) -> None:
    pair, path = saved
    assert pair.public.verify(b"m", load_key(path, PASSPHRASE).sign(b"m"))


def test_the_public_half_is_read_without_the_passphrase(saved: tuple[KeyPair, Path]) -> None:
    pair, path = saved
    assert public_key_of(path) == pair.public


def test_a_key_file_belongs_to_its_owner_alone(saved: tuple[KeyPair, Path]) -> None:
    assert saved[1].stat().st_mode & 0o777 == 0o600
    assert [p.name for p in saved[1].parent.iterdir()] == ["alice.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_use_is_refused(saved: tuple[KeyPair, Path], mode: int) -> None:
    saved[1].chmod(mode)
    with pytest.raises(KeyAccessError, match=rf"mode {mode:04o}\) \(chmod 600"):
        load_key(saved[1], PASSPHRASE)


@pytest.mark.parametrize("algorithm", KEY_IDS)
def test_key_files_of_version_one_open_for_ever(algorithm: str, tmp_path: Path) -> None:
    path = tmp_path / "k"
    shutil.copyfile(VECTORS / f"{algorithm}.key", path)
    path.chmod(0o600)
    assert load_key(path, PASSPHRASE).public.key_id == KEY_IDS[algorithm]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_reads_our_files(saved: tuple[KeyPair, Path], tmp_path: Path) -> None:
    pair, path = saved
    (tmp_path / "pass").write_bytes(PASSPHRASE)
    command = ["openssl", "pkey", "-in", path, "-passin", f"file:{tmp_path}/pass", "-pubout"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout == pair.public.pem()


@pytest.mark.parametrize("wrong", [b"correct horsf", b"Correct horse", b"x", b"correct horse "])
def test_a_wrong_passphrase_says_so(saved: tuple[KeyPair, Path], wrong: bytes) -> None:
    with pytest.raises(KeyAccessError, match=r"alice\.key: wrong passphrase"):
        load_key(saved[1], wrong)


@pytest.mark.parametrize("passphrase", [b"", b"x" * 1025, "text"])
def test_what_is_no_passphrase_is_refused(tmp_path: Path, passphrase: bytes) -> None:
    with pytest.raises(InputError, match="a passphrase is 1 to 1024 bytes"):
        save_key(generate(), tmp_path / "k", passphrase)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [b"", b"hello", b"\x00" * 200, b"-----BEGIN PRIVATE KEY-----\n", b"x" * 70_000],
    ids=["empty", "text", "zeros", "unencrypted", "huge"],
)
def test_what_is_no_key_says_so(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(KeyAccessError, match=r"not a key file of ours|too large"):
        load_key(path, PASSPHRASE)


def test_a_missing_file_a_folder_and_a_closed_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(KeyAccessError, match="no such key file"):
        load_key(tmp_path / "missing", PASSPHRASE)
    with pytest.raises(KeyAccessError, match="cannot be read: Is a directory"):
        load_key(tmp_path, PASSPHRASE)
    with pytest.raises(StoreError, match="cannot be written"):
        save_key(generate(), tmp_path / "missing" / "k", PASSPHRASE, guessable=False)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written: Not a directory"):
        save_key(generate(), tmp_path / "file" / "k", PASSPHRASE, guessable=False)


def test_every_changed_byte_of_a_key_file_is_noticed(saved: tuple[KeyPair, Path]) -> None:
    """CBC alone would turn some of them into another key that signs without complaint."""
    good = saved[1].read_bytes()
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1
        saved[1].write_bytes(changed)
        with pytest.raises(KeyAccessError):
            load_key(saved[1], PASSPHRASE)


def test_a_cut_or_longer_key_file_is_noticed(saved: tuple[KeyPair, Path]) -> None:
    good = saved[1].read_bytes()
    for changed in (good[:-1], good[: len(good) // 2], good + b"\n", b"\n" + good, good + good):
        saved[1].write_bytes(changed)
        with pytest.raises(KeyAccessError):
            load_key(saved[1], PASSPHRASE)


def test_a_public_key_of_somebody_else_in_the_file_is_noticed(
    saved: tuple[KeyPair, Path], tmp_path: Path
) -> None:
    pair, path = saved
    other = generate(pair.public.algorithm)
    path.write_text(path.read_text().replace(pair.public.pem(), other.public.pem()))
    with pytest.raises(KeyAccessError, match="wrong passphrase, or the file was changed"):
        load_key(path, PASSPHRASE)


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_reading_any_bytes_raises_nothing_but_key_access_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("keys") / "k"
    path.write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + data)
    path.chmod(0o600)
    with pytest.raises(KeyAccessError):
        load_key(path, PASSPHRASE)


def test_a_key_that_is_there_is_never_replaced(saved: tuple[KeyPair, Path]) -> None:
    before = saved[1].read_bytes()
    with pytest.raises(KeyAccessError, match="a key file is there already"):
        save_key(generate(), saved[1], PASSPHRASE, guessable=False)
    assert saved[1].read_bytes() == before


def test_of_many_that_save_at_once_one_wins(tmp_path: Path) -> None:
    path, pairs = tmp_path / "k", [generate() for _ in range(8)]

    def save(pair: KeyPair) -> bool:
        try:
            save_key(pair, path, PASSPHRASE, guessable=False)
        except KeyAccessError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(save, pairs))
    assert won.count(True) == 1
    assert load_key(path, PASSPHRASE).public == pairs[won.index(True)].public


def test_guessing_a_passphrase_is_dear_unless_it_is_random(tmp_path: Path) -> None:
    """The cost stands in the file, where only the two values that we write are read."""
    dear, cheap = tmp_path / "dear", tmp_path / "cheap"
    save_key(generate(), dear, PASSPHRASE)
    save_key(generate(), cheap, PASSPHRASE, guessable=False)
    assert load_key(dear, PASSPHRASE).public == public_key_of(dear)
    assert load_key(cheap, PASSPHRASE).public == public_key_of(cheap)
