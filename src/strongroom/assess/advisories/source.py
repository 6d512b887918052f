"""Where advisories come from: OSV's export for PyPI, as a zip, a folder, or by an address."""

from __future__ import annotations

import io
import json
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from strongroom import __version__
from strongroom.assess.advisories.osv import Document, reduce
from strongroom.domain.errors import InputError, LimitError, StoreError

MAX_ONE: Final = 4 * 2**20
"""Bytes of one advisory."""
MAX_ALL: Final = 2 * 2**30
"""Bytes of all of them, unpacked."""
MAX_COUNT: Final = 500_000
MAX_DOWNLOAD: Final = 512 * 2**20
TRIES: Final = 3
TIMEOUT: Final = 30.0
"""Seconds for the server to answer, and between its bytes."""


def read_source(source: str) -> Iterator[Document]:
    """Every advisory about a package of PyPI. Raises InputError, LimitError, StoreError."""
    if "://" in source:
        yield from _zip(io.BytesIO(_download(source)), source)
        return
    path = Path(source)
    try:
        if path.is_dir():
            yield from _documents(_folder(path))
        else:
            with path.open("rb") as file:
                yield from _zip(file, source)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=source) from error


def _documents(files: Iterator[tuple[str, bytes]]) -> Iterator[Document]:
    total = 0
    for count, (name, data) in enumerate(files, 1):
        total += len(data)
        if len(data) > MAX_ONE:
            raise LimitError(f"an advisory of more than {MAX_ONE} bytes", where=name)
        if total > MAX_ALL or count > MAX_COUNT:
            raise LimitError(f"more than {MAX_COUNT} advisories or {MAX_ALL} bytes", where=name)
        try:
            raw = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"not JSON: {type(error).__name__}", where=name) from error
        if (kept := reduce(raw, where=name)) is not None:
            yield kept


def _folder(path: Path) -> Iterator[tuple[str, bytes]]:
    archive = path / "all.zip"
    found = sorted(path.rglob("*.json"))
    if not found and archive.is_file():
        with archive.open("rb") as file:
            yield from _members(file, str(archive))
    for file_ in found:
        with file_.open("rb") as stream:
            yield str(file_), stream.read(MAX_ONE + 1)


def _zip(file: IO[bytes], where: str) -> Iterator[Document]:
    yield from _documents(_members(file, where))


def _members(file: IO[bytes], where: str) -> Iterator[tuple[str, bytes]]:
    """Members one by one; sizes are counted as they come out, not as the archive says."""
    try:
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MAX_COUNT:
                raise LimitError(f"more than {MAX_COUNT} files", where=where)
            for info in archive.infolist():
                if info.filename.endswith(".json"):
                    with archive.open(info) as member:
                        yield f"{where}!{info.filename}", member.read(MAX_ONE + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"not a sound ZIP archive: {error}", where=where) from error


def _download(address: str) -> bytes:
    """The bytes at an address that somebody named. Tries three times."""
    parts = urlsplit(address)
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise InputError(
            "advisories come over https only", where=address, fix="https://…/PyPI/all.zip"
        )
    request = Request(address, headers={"User-Agent": f"strongroom/{__version__}"})  # noqa: S310 - checked above
    for left in reversed(range(TRIES)):
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - checked above
                data: bytes = answer.read(MAX_DOWNLOAD + 1)
        except (URLError, OSError) as error:
            if not left:
                raise StoreError(
                    f"cannot be fetched: {getattr(error, 'reason', error)}",
                    where=address,
                    fix="fetch it elsewhere and use: strongroom advisories import FILE",
                ) from error
            time.sleep(0.5 * (TRIES - left))
        else:
            if len(data) > MAX_DOWNLOAD:
                raise LimitError(f"more than {MAX_DOWNLOAD} bytes", where=address)
            return data
    raise StoreError("cannot be fetched", where=address)
