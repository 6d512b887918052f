"""The contract of the database, the same on SQLite and on PostgreSQL."""

import contextlib
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text, update

from strongroom.domain.errors import ConflictError, InputError, StoreError
from strongroom.storage.database import Database, open_database, sqlite_url
from strongroom.storage.tables import about, moves

MOVE = {"system": "fraud", "stage": "production", "version": "v", "statement": "s"}


@pytest.fixture
def opened() -> Iterator[Callable[..., Database]]:
    """Opens databases, and closes them when the test is over."""
    made: list[Database] = []

    def open_one(url: str, **options: object) -> Database:
        made.append(open_database(url, **options))
        return made[-1]

    yield open_one
    for database in made:
        database.close()


def write_one(database) -> None:
    with database.write() as connection:
        connection.execute(insert(moves).values(number=1, **MOVE))


def numbers(database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(select(moves.c.number).order_by(moves.c.number)).scalars())


def test_what_was_committed_is_there_when_opened_again(database_url, opened):
    with opened(database_url).write() as connection:
        connection.execute(insert(moves).values(number=1, **MOVE))
    assert numbers(opened(database_url)) == [1]


def test_a_block_that_raises_leaves_nothing(database_url, opened):
    database = opened(database_url)
    with contextlib.suppress(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(moves).values(number=1, **MOVE))
        1 / 0  # noqa: B018
    assert numbers(database) == []


def test_what_a_reader_writes_is_dropped(database_url, opened):
    database = opened(database_url)
    with database.read() as connection:
        connection.execute(insert(moves).values(number=1, **MOVE))
    assert numbers(database) == []


def test_the_second_who_inserts_the_same_key_is_told_so(database_url, opened):
    database = opened(database_url)
    with database.write() as connection:
        connection.execute(insert(moves).values(number=1, **MOVE))
    with pytest.raises(ConflictError, match="first"), database.write() as connection:
        connection.execute(insert(moves).values(number=1, **MOVE))


def test_of_eight_writers_at_once_one_wins_each_number(database_url, opened):
    database = opened(database_url)
    lost, barrier = [], threading.Barrier(8)

    def race() -> None:
        barrier.wait()
        try:
            with database.write() as connection:
                connection.execute(insert(moves).values(number=1, **MOVE))
        except ConflictError as error:
            lost.append(error)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(database) == [1]
    assert len(lost) == 7


def test_four_processes_may_make_the_same_database_at_once(database_url):
    code = "import sys; from strongroom.storage.database import open_database as o; o(sys.argv[1])"
    made = [
        subprocess.Popen([sys.executable, "-c", code, database_url], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    assert [process.communicate()[1] for process in made] == [b""] * 4


def test_a_database_of_a_newer_schema_is_refused_and_not_touched(database_url, opened):
    with opened(database_url).write() as connection:
        connection.execute(update(about).where(about.c.name == "schema").values(value="9"))
    with pytest.raises(StoreError, match="schema 9, this release knows up to 1"):
        opened(database_url)


def test_an_older_database_is_upgraded_step_by_step_and_once(database_url, opened):
    opened(database_url, version=1, steps={})
    ran = []

    def step(number: int):
        def run(connection: Connection) -> None:
            ran.append(number)
            connection.execute(text(f"ALTER TABLE versions ADD COLUMN extra{number} TEXT"))

        return run

    for _ in range(2):
        database = opened(database_url, version=3, steps={1: step(1), 2: step(2)})
    assert ran == [1, 2]
    with database.read() as connection:
        connection.execute(text("SELECT extra1, extra2 FROM versions"))


def test_a_step_that_fails_leaves_the_schema_as_it_was(database_url, opened):
    opened(database_url, version=1, steps={})

    def fail(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE versions ADD COLUMN extra TEXT"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        opened(database_url, version=2, steps={1: fail})
    database = opened(database_url, version=1, steps={})
    with pytest.raises(StoreError), database.read() as connection:
        connection.execute(text("SELECT extra FROM versions"))


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://h/d", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_we_cannot_use_is_refused_with_an_example(url, opened):
    with pytest.raises(InputError) as caught:
        opened(url)
    assert "sqlite:///FILE" in str(caught.value)


def test_no_message_shows_the_password(opened):
    with pytest.raises(StoreError) as caught:
        opened("postgresql://me:hunter2@127.0.0.1:1/none")
    assert "reach" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_sqlite_is_in_wal_mode_and_syncs_every_commit(tmp_path, opened):
    with opened(f"sqlite:///{tmp_path}/i.sqlite").read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path, opened):
    (tmp_path / "i.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        opened(f"sqlite:///{tmp_path}/i.sqlite")


def test_a_path_under_a_file_is_refused(tmp_path, opened):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="no such folder"):
        opened(f"sqlite:///{tmp_path}/file/i.sqlite")


def test_a_read_only_database_is_said_to_be_one(tmp_path, opened):
    """Root may write whatever its mode; SQLite's own read-only flag binds everybody."""
    path = tmp_path / "i.sqlite"
    opened(f"sqlite:///{path}").close()
    database = opened(f"sqlite:///{path}")
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StoreError, match="read-only"):
        write_one(database)


def test_a_full_disk_is_said_to_be_full_and_nothing_is_lost(tmp_path, opened):
    """A limit on file size stands for the full disk."""
    url = f"sqlite:///{tmp_path}/i.sqlite"
    with opened(url).write() as connection:
        connection.execute(insert(moves).values(number=1, **MOVE))
    code = f"""
import sys
from sqlalchemy import insert
from strongroom.domain.errors import StoreError
from strongroom.storage.database import open_database
from strongroom.storage.tables import moves
database = open_database(sys.argv[1])
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    with database.write() as connection:
        for n in range(2, 5000):
            connection.execute(insert(moves).values(number=n, **{MOVE!r}))
except StoreError as error:
    print(error)
"""
    told = subprocess.run(
        [sys.executable, "-c", code, url], check=False, capture_output=True, text=True
    )
    assert "disk" in told.stdout, told.stderr
    assert numbers(opened(url)) == [1]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_who_waits_too_long_for_another_writer_is_told(tmp_path, opened):
    path = tmp_path / "i.sqlite"
    database = opened(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with database.read() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=10")
    with pytest.raises(ConflictError, match="another process"):
        write_one(database)
    other.close()


def test_paths_with_spaces_and_percent_signs_work(tmp_path, opened):
    folder = tmp_path / "a b%20c"
    folder.mkdir()
    opened(sqlite_url(folder / "i.sqlite"))
    assert Path(folder / "i.sqlite").exists()
