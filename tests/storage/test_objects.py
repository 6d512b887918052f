"""Objects in a folder, beyond the contract of every store (`test_objects_contract.py`)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError, IntegrityError, StoreError
from strongroom.storage.objects import FolderObjects, objects_from_uri, read


@pytest.fixture
def objects(tmp_path) -> FolderObjects:
    return FolderObjects(tmp_path / "objects")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@given(chunks=st.lists(st.binary(max_size=100), max_size=5))
def test_what_is_put_comes_back_under_its_sha256(tmp_path_factory, chunks):
    objects = FolderObjects(tmp_path_factory.mktemp("o"))
    digest = objects.put(chunks)
    assert digest == sha256(b"".join(chunks))
    assert read(objects, digest, where="here") == b"".join(chunks)


def test_the_same_bytes_are_kept_once_however_they_are_cut(objects, tmp_path):
    assert objects.put([b"abc"]) == objects.put([b"a", b"bc"])
    assert len(files(tmp_path)) == 1


def test_an_object_may_not_be_written_to(objects):
    assert objects.path(objects.put([b"abc"])).stat().st_mode & 0o777 == 0o400


def test_a_source_that_fails_leaves_nothing_behind(objects, tmp_path):
    def broken():
        yield b"half"
        raise InputError("no more")

    with pytest.raises(InputError):
        objects.put(broken())
    assert files(tmp_path) == []


def test_a_flipped_byte_is_found_and_put_mends_it(objects):
    digest = objects.put([b"abc"])
    path = objects.path(digest)
    path.chmod(0o600)
    path.write_bytes(b"abd")
    with pytest.raises(IntegrityError, match=r"model\.txt: object"):
        read(objects, digest, where="model.txt")
    objects.put([b"abc"])
    assert read(objects, digest, where="model.txt") == b"abc"


def test_what_a_killed_process_left_is_swept_a_day_later(objects, tmp_path):
    incoming = tmp_path / "objects" / "incoming"
    old, young = incoming / "old", incoming / "young"
    for path, age in ((old, 100_000), (young, 1000)):
        path.touch()
        then = incoming.stat().st_mtime - age
        os.utime(path, (then, then))
    FolderObjects(tmp_path / "objects")
    assert [path.name for path in incoming.iterdir()] == ["young"]


def test_a_store_opens_again_from_its_uri(tmp_path):
    objects = FolderObjects(tmp_path / "a b%20c")
    digest = objects.put([b"abc"])
    assert read(objects_from_uri(objects.uri), digest, where="here") == b"abc"
    assert read(objects_from_uri(str(tmp_path / "a b%20c")), digest, where="here") == b"abc"


@pytest.mark.parametrize("uri", ["", "ftp://bucket/x", "file://host/path"])
def test_a_uri_that_we_do_not_know_is_refused_with_an_example(uri):
    with pytest.raises(InputError, match=r"file:///path/to/folder"):
        objects_from_uri(uri)


def test_a_folder_under_a_file_cannot_be_a_store(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="choose another path"):
        FolderObjects(tmp_path / "file" / "objects")


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing_half_written(tmp_path):
    """A limit on file size stands for the full disk."""
    code = """
import resource, sys
from pathlib import Path
from strongroom.domain.errors import StoreError
from strongroom.storage.objects import FolderObjects
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    FolderObjects(Path(sys.argv[1])).put([bytes(60_000)] * 3)
except StoreError as error:
    print(error)
"""
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert "free some space" in told.stdout, told.stderr
    assert files(tmp_path) == []
