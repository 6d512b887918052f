"""What every object store promises, wherever it keeps its objects."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from strongroom.domain.digests import blake3_of, sha256
from strongroom.domain.errors import InputError, LimitError, StoreError
from strongroom.keys.sealing import SealedReader, context_of, new_key, open_stream, sealed_chunks
from strongroom.storage.objects import read

CONTEXT = context_of(path="model.bin")


@pytest.mark.parametrize(
    "chunks",
    [[], [b""], [b"abc"], [b"a", b"", b"bc"], [b"x" * 70_000, b"y" * 70_000]],
    ids=["nothing", "empty", "one", "three", "longer"],
)
def test_what_is_put_comes_back_under_its_sha256(objects, chunks):
    digest = objects.put(chunks)
    assert digest == sha256(b"".join(chunks))
    assert objects.has(digest)
    assert read(objects, digest, where="here") == b"".join(chunks)


def test_the_same_bytes_are_one_object_however_they_are_cut(objects):
    assert objects.put([b"abc"]) == objects.put([b"a", b"bc"])
    objects.delete(sha256(b"abc"))
    assert not objects.has(sha256(b"abc"))


def test_a_source_that_fails_leaves_nothing_behind(objects):
    def broken():
        yield b"half"
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        objects.put(broken())
    assert not objects.has(sha256(b"half"))


def test_an_absent_object_is_named_with_what_to_do(objects):
    absent = sha256(b"never put")
    with pytest.raises(StoreError, match=r"is missing.*backup"):
        objects.open(absent)
    assert not objects.has(absent)
    assert objects.path(absent) is None


def test_deleting_twice_is_fine(objects):
    digest = objects.put([b"abc"])
    objects.delete(digest)
    objects.delete(digest)
    with pytest.raises(StoreError, match="is missing"):
        objects.open(digest)


def test_all_that_is_there_is_listed_with_size_and_age(objects):
    before = datetime.now(UTC) - timedelta(seconds=5)  # S3 tells whole seconds
    sizes = {objects.put([b"x" * size]): size for size in (0, 1, 70_000)}
    objects.delete(sha256(b""))
    found = {one.digest: one for one in objects.stored()}
    assert {d: one.size for d, one in found.items()} == {
        d: size for d, size in sizes.items() if size
    }
    assert all(
        before < one.at <= datetime.now(UTC) + timedelta(seconds=5) for one in found.values()
    )


def test_an_empty_store_lists_nothing(objects):
    assert list(objects.stored()) == []


def test_reading_stops_at_the_limit(objects):
    digest = objects.put([b"abcd"])
    assert read(objects, digest, where="here", limit=4) == b"abcd"
    with pytest.raises(LimitError, match="larger than 3 bytes"):
        read(objects, digest, where="here", limit=3)


def test_only_sha256_names_objects(objects):
    for ask in (objects.open, objects.has, objects.delete, objects.path):
        with pytest.raises(InputError, match="sha256"):
            ask(blake3_of([b"abc"]))


def test_an_open_object_seeks(objects):
    data = bytes(range(256)) * 1000
    with objects.open(objects.put([data])) as file:
        assert file.seek(0, io.SEEK_END) == len(data)
        assert file.read(1) == b""
        for place in (255_000, 0, 100_000, 65_535, 65_536):
            file.seek(place)
            assert file.read(300) == data[place : place + 300]
        file.seek(-2, io.SEEK_CUR)
        assert file.read() == data[65_834:]


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 9 * 1024 * 1024 + 5])
def test_a_sealed_file_goes_in_and_out_whole_or_in_places(objects, size):
    key, plain = new_key(), (b"0123456789abcdef" * (size // 16 + 1))[:size]
    digest = objects.put(sealed_chunks(io.BytesIO(plain), key, CONTEXT))
    opened = io.BytesIO()
    with objects.open(digest) as sealed:
        open_stream(sealed, opened, key, CONTEXT)
    assert opened.getvalue() == plain
    with SealedReader(objects.open(digest), key, CONTEXT) as reader:
        reader.seek(size // 2)
        assert reader.read(100) == plain[size // 2 : size // 2 + 100]
