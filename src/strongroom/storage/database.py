"""SQL by URL: SQLite (WAL, FULL) or PostgreSQL. Errors come out in our words."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from strongroom.domain.errors import ConflictError, InputError, MissingExtra, StoreError
from strongroom.storage import tables
from strongroom.storage.upgrades import STEPS, Step

BUSY_SECONDS: Final = 30
"""How long a writer waits for another one before it gives up."""
_WRITES: Final = "strongroom_writes"
_SCHEMA: Final = tables.about.c.name == "schema"


class Database:
    """Transactions on one database whose schema is ours and current."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def url(self) -> str:
        """Where it is, without the password."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits when the block ends well, and else leaves nothing.

        Raises ConflictError when a key is taken or the wait for other writers grew too long,
        StoreError for a full disk, a read-only file or a server out of reach.
        """
        with self._told(), self._engine.connect() as bare:
            connection = bare.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; what is written through it is dropped. Raises StoreError."""
        with self._told(), self._engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Give the connections back; the database may be used again."""
        self._engine.dispose()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise ConflictError(
                "somebody else wrote this first", where=self.url, fix="look again, then retry"
            ) from error
        except DBAPIError as error:
            raise _explain(error, self.url) from error
        except SQLAlchemyError as error:
            raise StoreError(f"database failed: {error}", where=self.url) from error


def open_database(
    url: str, *, version: int = tables.VERSION, steps: Mapping[int, Step] = STEPS
) -> Database:
    """Connect, make the tables in an empty database, upgrade an older one step by step.

    `url`: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`. Raises InputError for
    other URLs, MissingExtra without psycopg, StoreError when out of reach or of a newer format.
    """
    database = Database(_engine(_parse(url)))
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(database.close)
        with database.read() as connection:
            current = _schema(connection) == version
        if not current:
            with database.write() as connection:
                _lock_schema(connection)
                _make_or_upgrade(connection, database.url, version, steps)
        on_failure.pop_all()
    return database


def sqlite_url(path: Path) -> str:
    """The URL of a file, whatever characters its path holds."""
    return URL.create("sqlite", database=str(path.absolute())).render_as_string()


def _schema(connection: Connection) -> int | None:
    """The version that the database says it has; None for an empty one, 0 for nonsense."""
    if not inspect(connection).has_table("about"):
        return None
    found = connection.execute(select(tables.about.c.value).where(_SCHEMA)).scalar()
    return int(found) if found is not None and found.isdecimal() else 0


def _make_or_upgrade(
    connection: Connection, where: str, version: int, steps: Mapping[int, Step]
) -> None:
    found = _schema(connection)
    if found is None:
        tables.metadata.create_all(connection)
        connection.execute(insert(tables.about).values(name="schema", value=str(version)))
        return
    if found == 0:
        raise StoreError("the database does not say which schema it has", where=where)
    if found > version:
        raise StoreError(
            f"the database has schema {found}, this release knows up to {version}",
            where=where,
            fix="use the release that wrote it, or a newer one",
        )
    for number in range(found, version):
        steps[number](connection)
    connection.execute(update(tables.about).where(_SCHEMA).values(value=str(version)))


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        # not the text itself: it may hold a password
        raise InputError(
            "not a database URL", fix="write sqlite:///FILE or postgresql://…"
        ) from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    raise InputError(
        f"no database of kind {url.get_backend_name()!r}",
        fix="write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
    )


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite(url)
        return create_engine(
            url.update_query_dict({"options": _options(url)}),
            pool_pre_ping=True,
            connect_args={"connect_timeout": BUSY_SECONDS},
        )
    except NoSuchModuleError as error:
        raise InputError(f"no driver for {url.drivername}") from error
    except ModuleNotFoundError as error:
        raise MissingExtra("postgres", "a PostgreSQL database") from error


def _options(url: URL) -> str:
    """The URL's own server options, such as a search_path, and ours."""
    given = url.query.get("options", "")
    own = given if isinstance(given, str) else " ".join(given)
    return f"{own} -c lock_timeout={BUSY_SECONDS}s -c timezone=UTC".strip()


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise InputError("a database in memory forgets", fix="write sqlite:///FILE")
    if not Path(url.database).parent.is_dir():
        raise StoreError("no such folder", where=str(Path(url.database).parent))
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, the driver says it too late
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns writer later cannot wait for others: it fails at once.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _lock_schema(connection: Connection) -> None:
    """Let one process at a time make or upgrade tables; SQLite's BEGIN IMMEDIATE did already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7309940833415917165)")


def _explain(error: DBAPIError, where: str) -> StoreError:
    """SQLite's and PostgreSQL's complaints: what, where, what to do."""
    cause: Any = error.orig
    if error.connection_invalidated or (where.startswith("postgresql") and not cause.sqlstate):
        return StoreError(
            "the database server cannot be reached", where=where, fix="check the URL and the server"
        )
    name = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""
    for start, kind, what, fix in _COMPLAINTS:
        if name.startswith(start):
            return kind(what, where=where, fix=fix)
    return StoreError(f"database failed: {cause}".splitlines()[0], where=where)


_RETRY: Final = "try again; if it stays so, look for a process that hangs"
_COMPLAINTS: Final = (
    ("SQLITE_BUSY", ConflictError, "another process holds the database", _RETRY),
    ("SQLITE_LOCKED", ConflictError, "another process holds the database", _RETRY),
    ("SQLITE_FULL", StoreError, "the disk is full", "free some space; nothing was lost"),
    ("SQLITE_IOERR", StoreError, "the disk refuses: full or failing", "check space and disk"),
    ("SQLITE_READONLY", StoreError, "the database is read-only", "check its permissions"),
    ("SQLITE_CANTOPEN", StoreError, "the database cannot be opened", "check path and permissions"),
    (
        "SQLITE_NOTADB",
        StoreError,
        "the file is not a database",
        "restore it, or delete it: it is rebuilt",
    ),
    (
        "SQLITE_CORRUPT",
        StoreError,
        "the database is damaged",
        "restore it, or delete it: it is rebuilt",
    ),
    ("53100", StoreError, "the database server's disk is full", "free some space there"),
    ("55P03", ConflictError, "another process holds the rows", _RETRY),
    ("40", ConflictError, "another transaction was first", "try again"),
    ("25006", StoreError, "the database server is read-only", "use its primary"),
    ("28", StoreError, "the database server refuses the user", "check user and password"),
)
"""Start of SQLite's error name or PostgreSQL's SQLSTATE, and what we say."""
