"""Objects in a bucket: a real S3 server, through a network that breaks, and what is not ours."""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterator
from datetime import timedelta

import pytest

from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError, IntegrityError, StoreError, StrongroomError
from strongroom.keys.sealing import SealedReader, context_of, new_key, open_stream, sealed_chunks
from strongroom.storage.cloud_objects import CloudObjects
from strongroom.storage.objects import objects_from_uri, read
from strongroom.testing.proxy import Line, proxy

CONTEXT = context_of(path="model.bin")
SECRET = "a-secret-that-nobody-may-see"
SOON = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {
        "init_backoff": timedelta(milliseconds=1),
        "base": 2,
        "max_backoff": timedelta(seconds=1),
    },
}
ABC = sha256(b"abc")


@pytest.fixture
def name(tmp_path) -> str:
    """A prefix that no other test uses."""
    return tmp_path.name


@pytest.fixture
def bucket(s3_server, name) -> CloudObjects:
    return CloudObjects.from_uri(f"s3://vault/{name}", retry=SOON)


@pytest.fixture
def line(bucket, s3_server, monkeypatch) -> Iterator[Line]:
    """The way to the server for stores made from now on: it counts, and can break."""
    with proxy(s3_server) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{way.port}")
        yield way


def test_an_object_lies_below_the_prefix_under_its_digest(bucket, s3, name):
    bucket.put([b"abc"])
    (found,) = s3.list_objects_v2(Bucket="vault", Prefix=f"{name}/")["Contents"]
    assert found["Key"] == f"{name}/sha256/{ABC.hex[:2]}/{ABC.hex[2:]}"


def test_a_store_opens_again_from_its_uri(bucket):
    bucket.put([b"abc"])
    assert read(objects_from_uri(bucket.uri), ABC, where="here") == b"abc"
    assert read(objects_from_uri(bucket.uri + "/"), ABC, where="here") == b"abc"


@pytest.mark.parametrize("size", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_a_kilobyte_from_the_middle_of_a_sealed_object_fetches_three_megabytes_at_most(
    bucket, line, name, size
):
    """Header, last segment (so that a cut is noticed), and the one segment that is read."""
    key, plain = new_key(), bytes(size * 1024 * 1024)
    digest = bucket.put(sealed_chunks(io.BytesIO(plain), key, CONTEXT))
    counted = CloudObjects.from_uri(f"s3://vault/{name}")
    with SealedReader(counted.open(digest), key, CONTEXT) as reader:
        reader.seek(len(plain) // 2)
        assert reader.read(1024) == bytes(1024)
    assert 2 * 1024 * 1024 < line.received < 3 * 1024 * 1024


def test_reading_on_takes_few_requests(bucket, line, name):
    data = bytes(range(256)) * 80_000
    digest = bucket.put([data])
    opened = CloudObjects.from_uri(f"s3://vault/{name}").open(digest)
    pieces = iter(lambda: opened.read(100_000), b"")
    assert b"".join(pieces) == data
    assert line.received < 1.1 * len(data)


def test_many_parts_are_one_object(bucket, s3, name):
    digest = bucket.put([b"x" * 1_000_000] * 20)
    (found,) = s3.list_objects_v2(Bucket="vault", Prefix=f"{name}/")["Contents"]
    assert (found["Size"], found["ETag"][-3:]) == (20_000_000, '-3"')
    assert read(bucket, digest, where="here") == b"x" * 20_000_000


def test_a_connection_that_is_lost_now_and_then_costs_no_more_than_time(line, name):
    objects = CloudObjects.from_uri(f"s3://vault/{name}", retry=SOON)
    line.refuse = 3
    digest = objects.put([b"x" * 1_000_000] * 17)
    line.refuse = 2
    assert objects.has(digest)


def test_nobody_at_the_other_end_is_an_error_after_few_attempts(s3_server, name, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    objects = CloudObjects.from_uri(f"s3://vault/{name}", retry=SOON)
    for ask in (lambda: objects.put([b"abc"]), lambda: objects.open(ABC), lambda: objects.has(ABC)):
        with pytest.raises(StoreError, match="cannot be reached"):
            ask()


def test_an_upload_that_breaks_leaves_no_object(line, bucket, name):
    objects = CloudObjects.from_uri(f"s3://vault/{name}", retry={"max_retries": 0})
    data = b"x" * 20_000_000
    line.cut_after = 0
    with pytest.raises(StoreError, match="nothing was half-written"):
        objects.put([data])
    assert not bucket.has(sha256(data))


def test_a_body_that_is_cut_short_is_an_error_and_never_a_shorter_object(line, bucket, name):
    digest = bucket.put([bytes(range(256)) * 40_000])
    objects = CloudObjects.from_uri(f"s3://vault/{name}", retry={"max_retries": 1})
    line.cut_after = 1_000_000
    with pytest.raises(StoreError, match="connection broke"):
        read(objects, digest, where="here")


def test_bytes_that_somebody_changed_in_the_bucket_are_found_and_put_mends_them(bucket, s3, name):
    digest = bucket.put([b"abc"])
    s3.put_object(Bucket="vault", Key=f"{name}/sha256/{digest.hex[:2]}/{digest.hex[2:]}", Body=b"x")
    with pytest.raises(IntegrityError, match="holds other bytes than its name"):
        read(bucket, digest, where="model.txt")
    bucket.put([b"abc"])
    assert read(bucket, digest, where="model.txt") == b"abc"


def test_a_sealed_object_that_was_cut_in_the_bucket_does_not_open(bucket, s3, name):
    key = new_key()
    sealed = b"".join(sealed_chunks(io.BytesIO(bytes(3_000_000)), key, CONTEXT))
    digest = bucket.put([sealed])
    place = f"{name}/sha256/{digest.hex[:2]}/{digest.hex[2:]}"
    s3.put_object(Bucket="vault", Key=place, Body=sealed[:2_000_000])
    with pytest.raises(IntegrityError), bucket.open(digest) as source:
        open_stream(source, io.BytesIO(), key, CONTEXT)


def test_an_object_that_is_replaced_while_it_is_read_is_noticed(bucket, s3, name):
    data = bytes(range(256)) * 20_000
    digest = bucket.put([data])
    with bucket.open(digest) as source:
        assert source.read(10) == data[:10]
        place = f"{name}/sha256/{digest.hex[:2]}/{digest.hex[2:]}"
        s3.put_object(Bucket="vault", Key=place, Body=bytes(len(data)))
        with pytest.raises(IntegrityError, match="replaced while it was read"):
            source.read()


def test_a_bucket_that_is_not_there_is_named(s3_server):
    objects = CloudObjects.from_uri("s3://nowhere/x", retry=SOON)
    for ask in (lambda: objects.put([b"abc"]), lambda: objects.open(ABC)):
        with pytest.raises(StoreError, match=r"s3://nowhere/x.*no such bucket"):
            ask()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "permission denied.*docs/store.md"),
        (401, "permission denied"),
        (503, "answered 503, after several attempts"),
        (500, "answered 500"),
        (507, "is full.*quota"),
    ],
)
def test_what_a_server_refuses_is_said_in_our_words(canned, status, said):
    answer = canned(status, f"<Error><Code>X</Code><Token>{SECRET}</Token></Error>")
    objects = CloudObjects.from_uri("s3://vault/x", retry={"max_retries": 1})
    for ask in (lambda: objects.put([b"abc"]), lambda: objects.open(ABC)):
        with pytest.raises(StoreError, match=said) as caught:
            ask()
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert 1 < answer.requests <= 4 or status in (401, 403)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://", "not the URI of a bucket"),
        ("s3:///prefix", "not the URI of a bucket"),
        (f"s3://AKIA:{SECRET}@vault/x", "a user or password in it"),
        (f"az://box/x?sig={SECRET}", "not the URI of a bucket"),
        ("az://box/x", "AZURE_STORAGE_ACCOUNT_NAME"),
    ],
    ids=["bare", "no-bucket", "password", "token", "no-account"],
)
def test_a_uri_that_cannot_be_is_refused_without_repeating_secrets(uri, said, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(InputError, match=said) as caught:
        objects_from_uri(uri)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_stores_of_the_other_services_are_made_without_a_connection(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "bank")
    for uri in ("gs://vault/models", "az://vault/models", "gs://vault"):
        assert objects_from_uri(uri).uri == uri


def test_no_secret_is_in_what_a_store_says_of_itself(bucket):
    assert SECRET not in repr(bucket) + bucket.uri + str(vars(bucket))


def test_a_source_that_fails_is_its_own_error(bucket):
    def broken() -> Iterator[bytes]:
        yield b"x" * 20_000_000
        raise StrongroomError("the source failed")

    with pytest.raises(StrongroomError, match="the source failed"):
        bucket.put(broken())
