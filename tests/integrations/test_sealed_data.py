"""Data sets as sealed files, and DVC carrying them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.domain.errors import InputError, IntegrityError, KeyAccessError, StrongroomError
from strongroom.home.home import Home
from strongroom.integrations.sealed_data import MAGIC, open_to, seal

CANARY = b"CANARY-4f9a1c7e-not-to-be-found"
ROWS = b"amount,fraud\n" + CANARY * 9


@pytest.fixture
def sealed(home: Home, tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_bytes(ROWS)
    seal(home, tmp_path / "train.csv", tmp_path / "train.csv.sealed")
    return tmp_path / "train.csv.sealed"


def test_what_is_opened_is_what_was_sealed(home: Home, sealed: Path, tmp_path: Path) -> None:
    assert CANARY not in sealed.read_bytes()
    assert open_to(home, sealed, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == ROWS
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
    assert not open_to(home, sealed, tmp_path / "out.csv"), "the same data is there"
    (tmp_path / "out.csv").write_bytes(b"mine")
    with pytest.raises(InputError, match="other data is there"):
        open_to(home, sealed, tmp_path / "out.csv")


def test_the_same_data_is_not_sealed_twice(home: Home, sealed: Path, tmp_path: Path) -> None:
    before = sealed.read_bytes()
    assert not seal(home, tmp_path / "train.csv", sealed)
    assert sealed.read_bytes() == before
    sealed.write_bytes(before[:-1] + b"x")
    assert seal(home, tmp_path / "train.csv", sealed), "a damaged one is sealed anew"
    (tmp_path / "train.csv").write_bytes(ROWS + b"more")
    assert seal(home, tmp_path / "train.csv", sealed)


@pytest.mark.parametrize("at", range(0, 1000, 37))
def test_a_changed_byte_anywhere_is_found(
    home: Home, sealed: Path, tmp_path: Path, at: int
) -> None:
    data = bytearray(sealed.read_bytes())
    at = at % len(data)
    data[at] ^= 1
    sealed.write_bytes(data)
    try:
        open_to(home, sealed, tmp_path / "out.csv")
    except StrongroomError:
        assert not (tmp_path / "out.csv").exists()
    else:  # a byte of the signature: the ledger's copy of the statement is what counts
        assert (tmp_path / "out.csv").read_bytes() == ROWS


@pytest.mark.parametrize(
    "data", [b"", b"short", MAGIC, MAGIC + b"\xff" * 4, MAGIC + b"\0\0\0\2{}", b"x" * 5000]
)
def test_what_is_no_sealed_data_is_said(home: Home, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.sealed").write_bytes(data)
    with pytest.raises(StrongroomError):
        open_to(home, tmp_path / "x.sealed", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_another_home_does_not_open_it(sealed: Path, tmp_path: Path) -> None:
    with (
        Home.open(tmp_path / "other", create=True) as other,
        pytest.raises(IntegrityError, match="not in this home's ledger"),
    ):
        open_to(other, sealed, tmp_path / "out.csv")


def test_without_the_wrapping_key_it_does_not_open(
    home: Home, sealed: Path, tmp_path: Path
) -> None:
    (key,) = (p.name.removesuffix(".key") for p in (home.folder / "kms").glob("data-*.key"))
    home.kms.destroy(key)
    with pytest.raises(KeyAccessError):
        open_to(home, sealed, tmp_path / "out.csv")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "STRONGROOM_HOME": str(folder.parent / "home"),
        "DVC_NO_ANALYTICS": "1",
        "HOME": str(folder.parent),
        **{
            f"GIT_{who}_{what}": "a@b.c"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_dvc_pushes_and_pulls_sealed_data_and_never_sees_plaintext(
    home: Home, tmp_path: Path, canary_in: Callable[[Path], list[Path]]
) -> None:
    pytest.importorskip("dvc", reason="needs `make peers`")
    dvc = (sys.executable, "-m", "dvc")
    strongroom = (sys.executable, "-m", "strongroom.cli")
    work, remote = tmp_path / "work", tmp_path / "remote"
    work.mkdir()

    def must(folder: Path, *command: str) -> None:
        done = run(folder, *command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    must(work, "git", "init", "-q")
    must(work, *dvc, "init", "-q")
    must(work, *dvc, "remote", "add", "-d", "vault", str(remote))
    (work / "train.csv").write_bytes(ROWS)
    (work / ".gitignore").write_text("/train.csv\n")
    must(work, *strongroom, "data", "seal", "train.csv")
    must(work, *dvc, "add", "-q", "train.csv.sealed")
    must(work, "git", "add", "-A")
    must(work, "git", "commit", "-q", "-m", "sealed data")
    must(work, *dvc, "push", "-q")
    assert canary_in(remote) == []
    assert canary_in(work / ".dvc") == []
    assert canary_in(work / ".git") == []
    assert canary_in(work) == [work / "train.csv"]

    must(tmp_path, "git", "clone", "-q", "work", "clone")
    clone = tmp_path / "clone"
    must(clone, *dvc, "remote", "add", "-f", "-d", "vault", str(remote))
    must(clone, *dvc, "pull", "-q")
    must(clone, *strongroom, "data", "open", "train.csv.sealed")
    assert (clone / "train.csv").read_bytes() == ROWS

    (stored,) = (p for p in remote.rglob("*") if p.is_file())
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    (clone / "train.csv").unlink()
    (clone / "train.csv.sealed").unlink()
    shutil.rmtree(clone / ".dvc" / "cache")
    pulled = run(clone, *dvc, "pull", "-q")
    opened = run(clone, *strongroom, "data", "open", "train.csv.sealed")
    assert pulled.returncode != 0 or opened.returncode == 2, "DVC or the seal: one refuses it"
    assert opened.returncode == 2
    assert not (clone / "train.csv").exists()
