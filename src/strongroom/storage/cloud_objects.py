"""Objects in a bucket: Amazon S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

An object's name is the digest of its bytes, so it is known only once all of them are there: they
are spooled to a nameless local file first and then uploaded under their name, in parts when they
are many. Services make an upload visible when it is complete and not before, so an object is there
whole or not at all, whatever is killed and whenever. What is spooled is what the bucket will hold:
sealed, where the caller seals.

Credentials come from the environment, by the names that each service's own tools use, and are never
part of a URI, an error or a log: what the client library says of an error is not passed on, since
it quotes addresses, and these may carry access tokens.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import urlsplit

from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, IntegrityError, MissingExtra, StoreError
from strongroom.storage.files import told
from strongroom.storage.objects import BUCKETS, Stored, is_name
from strongroom.storage.remote import RemoteFile

try:  # brought by an extra
    import obstore
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
    from obstore.exceptions import PreconditionError as ChangedError
    from obstore.store import from_url
except ModuleNotFoundError as error:
    raise MissingExtra("cloud", "an object store in the cloud") from error

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

PART: Final = 8 * 1024 * 1024
"""Bytes uploaded in one request; larger objects than `MOST_PARTS` of these have larger parts."""
MOST_PARTS: Final = 9000
"""S3 takes 10,000."""
AT_ONCE: Final = 4
"""Parts under way together: with `PART` this bounds the memory that an upload takes."""
FIRST: Final = 64 * 1024
"""Bytes asked for when an object is opened: most are not longer, and so take one request."""
RETRY: Final[RetryConfig] = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}
"""Of each request, and so of each part. Server errors, time-outs and lost connections count."""
CLIENT: Final[ClientConfig] = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(seconds=120),
}
_STATUS: Final = re.compile(r"status code: ([0-9]{3})")
_NO_RANGE: Final = re.compile(r"status code: 416|[Rr]ange")
_NO_BUCKET: Final = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist")


class CloudObjects:
    """Objects as `PREFIX/sha256/9f/86d081…` in one bucket or container."""

    def __init__(self, store: ObjectStore, uri: str) -> None:
        """`store` is already below the prefix; `uri` names it, without any secret."""
        self._store = store
        self._uri = uri

    @classmethod
    def from_uri(cls, uri: str, *, retry: RetryConfig = RETRY) -> CloudObjects:
        """`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`.

        Connects to nothing yet. Raises InputError.
        """
        parts = urlsplit(uri)
        if parts.scheme not in BUCKETS or not parts.netloc or parts.query or parts.fragment:
            raise InputError("not the URI of a bucket", fix="give s3://BUCKET/PREFIX, gs:… or az:…")
        if "@" in parts.netloc:
            raise InputError(
                "a URI with a user or password in it",
                fix="set the service's own variables instead, like AWS_ACCESS_KEY_ID",
            )
        plain = f"{parts.scheme}://{parts.netloc}/{parts.path.strip('/')}".rstrip("/")
        try:
            client: ClientConfig = {**CLIENT, "allow_http": _in_clear(parts.scheme)}
            return cls(from_url(plain, client_options=client, retry_config=retry), plain)
        except (BaseError, ValueError):
            raise InputError(
                "the environment does not say how to reach this store",
                where=plain,
                fix="set the service's own variables, like AZURE_STORAGE_ACCOUNT_NAME",
            ) from None

    @property
    def uri(self) -> str:
        """See Objects."""
        return self._uri

    def put(self, chunks: Iterable[bytes]) -> Digest:
        """See Objects. An object of this name is written anew: that mends one that was damaged."""
        place = Path(tempfile.gettempdir())
        with told(place), tempfile.SpooledTemporaryFile(max_size=PART) as spool:
            digest, size = _spool(chunks, cast("BinaryIO", spool))
            with self._told(digest):
                obstore.put(
                    self._store,
                    self._key(digest),
                    cast("BinaryIO", spool),
                    use_multipart=size > PART,
                    chunk_size=max(PART, -(-size // MOST_PARTS)),
                    max_concurrency=AT_ONCE,
                )
        return digest

    def open(self, digest: Digest) -> BinaryIO:
        """See Objects. Seekable; only what is read is fetched, and some more when all is read.

        Reading raises IntegrityError when the object is replaced meanwhile, StoreError.
        """
        size, mark, first = self._first(digest)
        fetch = self._fetcher(digest, mark)
        return io.BufferedReader(RemoteFile(fetch, size, first), FIRST)

    def has(self, digest: Digest) -> bool:
        """See Objects."""
        try:
            with self._told(digest):
                obstore.head(self._store, self._key(digest))
        except _AbsentError:
            return False
        return True

    def delete(self, digest: Digest) -> None:
        """See Objects. Where the bucket keeps versions, older ones stay: see the guide."""
        try:
            with self._told(digest):
                obstore.delete(self._store, self._key(digest))
        except _AbsentError:
            return

    def path(self, digest: Digest) -> Path | None:
        """See Objects: there is none."""
        self._key(digest)
        return None

    def stored(self) -> Iterator[Stored]:
        """See Objects. Other objects below the prefix are none of ours."""
        with self._told():
            for page in obstore.list(self._store, prefix="sha256"):
                for found in page:
                    name = "".join(found["path"].split("/")[-2:])
                    if is_name(name) and found["path"] == self._key(Digest("sha256", name)):
                        at = found["last_modified"]
                        yield Stored(Digest("sha256", name), found["size"], at)

    def _first(self, digest: Digest) -> tuple[int, str | None, bytes]:
        """Size, entity tag and first bytes."""
        with self._told(digest):
            try:
                got = obstore.get(self._store, self._key(digest), options={"range": (0, FIRST)})
                return got.meta["size"], got.meta["e_tag"], bytes(got.bytes())
            except BaseError as error:
                if not _NO_RANGE.search(str(error)):
                    raise
                if obstore.head(self._store, self._key(digest))["size"]:
                    raise
                return 0, None, b""  # an empty object has no first byte to ask for

    def _fetcher(self, digest: Digest, mark: str | None) -> Callable[[int, int], bytes]:
        def fetch(start: int, end: int) -> bytes:
            options: Any = {"range": (start, end)}
            if mark is not None:
                options["if_match"] = mark
            with self._told(digest):
                return bytes(obstore.get(self._store, self._key(digest), options=options).bytes())

        return fetch

    def _key(self, digest: Digest) -> str:
        if digest.algorithm != "sha256":
            raise InputError(f"objects are named by sha256, not {digest.algorithm}")
        return f"sha256/{digest.hex[:2]}/{digest.hex[2:]}"

    @contextmanager
    def _told(self, digest: Digest | None = None) -> Iterator[None]:
        """The library's errors in our words; not its own, which may hold secrets."""
        where = f"{self._uri}/{self._key(digest)}" if digest else self._uri
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise _explained(error, digest, where) from None


class _AbsentError(StoreError):
    """There is no such object."""


def _in_clear(scheme: str) -> bool:
    """Whether the environment allows what nobody should need outside of tests."""
    prefix = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}[scheme]
    return os.environ.get(f"{prefix}_ALLOW_HTTP", "").lower() in ("1", "true")


def _spool(chunks: Iterable[bytes], spool: BinaryIO) -> tuple[Digest, int]:
    """Digest and size of what is now in the spool, which is at its beginning again."""
    state = hashlib.sha256()
    for chunk in chunks:
        spool.write(chunk)
        state.update(chunk)
    size = spool.tell()
    spool.seek(0, os.SEEK_SET)
    return Digest("sha256", state.hexdigest()), size


def _explained(error: Exception, digest: Digest | None, where: str) -> StoreError | IntegrityError:
    said = str(error)
    if _NO_BUCKET.search(said):
        return StoreError("there is no such bucket", where=where, fix="make it, or mend the URI")
    if isinstance(error, FileNotFoundError):
        fix = "restore the bucket from a backup, or an older version of the object"
        name = digest.short if digest else "list"
        return _AbsentError(f"object {name} is missing", where=where, fix=fix)
    if isinstance(error, ChangedError):
        fix = "find out who writes to this bucket, and restore the object"
        return IntegrityError("the object was replaced while it was read", where=where, fix=fix)
    found = _STATUS.search(said)
    status = int(found[1]) if found else None
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in (401, 403):
        fix = "check credentials and the bucket's policy; what is needed: docs/store.md"
        return StoreError("the object store refuses: permission denied", where=where, fix=fix)
    if status == 507:
        return StoreError("the object store is full", where=where, fix="raise its quota")
    if status is not None:
        what = f"the object store answered {status}, after several attempts"
        return StoreError(what, where=where, fix="try again later; nothing was half-written")
    what = "the object store cannot be reached, or the connection broke"
    return StoreError(what, where=where, fix="check network and endpoint; nothing was half-written")
