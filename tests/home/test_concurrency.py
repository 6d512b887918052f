"""Two processes, killed ones, a full disk: nothing acknowledged is lost, nothing is doubled."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from strongroom.domain.errors import ConflictError, StoreError
from strongroom.home.home import Home
from strongroom.home.leaf import Leaf
from strongroom.home.locks import held
from strongroom.home.making import SERVICES
from strongroom.home.settings import Settings
from strongroom.testing.homes import NOTE_TYPE, note

WRITER = """
import os, sys
from pathlib import Path
from strongroom.home.home import Home
from strongroom.home.settings import Settings
from strongroom.testing.homes import note
folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Home.open(folder, create=True, settings=Settings(database=os.environ.get("URL"))) as home:
    for number in range(count):
        record = home.record(note(f"{name} {number}"), "assessor")
        print(record.digest, flush=True)
"""


def start(folder: Path, name: str, count: int, url: str | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **({"URL": url} if url else {})},
    )


def check_in_step(home: Home) -> set[str]:
    """Digests of all notes, of which ledger and index have each exactly once."""
    logged = [Leaf.parse(entry, where="entry") for entry in home.ledger.entries()]
    assert len({leaf.envelope for leaf in logged}) == len(logged)
    notes = list(home.records(NOTE_TYPE))
    assert {r.ledger_index for r in notes} == {
        number for number, leaf in enumerate(logged) if leaf.kind == NOTE_TYPE
    }
    assert home.ledger.verify().problems == ()
    return {str(r.digest) for r in notes}


def test_processes_that_make_and_use_a_home_at_once_lose_and_double_nothing(tmp_path, database_url):
    url = database_url if database_url.startswith("postgresql") else None
    writers = [start(tmp_path / "home", name, 6, url) for name in "abcd"]
    said = [writer.communicate() for writer in writers]
    assert [errors for _, errors in said] == [""] * 4
    with Home.open(tmp_path / "home", settings=Settings(database=url)) as home:
        assert check_in_step(home) == {d for output, _ in said for d in output.split()}
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("home")] == ["home"]


def test_threads_may_share_a_home(tmp_path):
    with Home.open(tmp_path / "home", create=True, settings=Settings()) as home:
        threads = [
            threading.Thread(
                target=lambda name=name: [home.record(note(f"{name}{n}"), "gate") for n in range(5)]
            )
            for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(check_in_step(home)) == 20


def kill_at_random(folder: Path, times: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: set[str] = set()
    for turn in range(times):
        writer = start(folder, str(turn), 10_000)
        lines = [writer.stdout.readline() for _ in range(rng.randint(1, 5))]
        threading.Event().wait(rng.random() * 0.01)
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate()
        assert lines[0], "the writer died by itself"
        acknowledged |= {line for line in (*lines, *rest.split("\n")) if len(line.strip()) == 71}
        with Home.open(folder, settings=Settings()) as home:
            assert {line.strip() for line in acknowledged} <= check_in_step(home)


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path):
    kill_at_random(tmp_path / "home", times=4, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_fifty_killed_writers_lose_nothing_that_they_acknowledged(tmp_path):
    kill_at_random(tmp_path / "home", times=50, seed=2)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_maker_that_is_killed_leaves_no_home_or_a_whole_one(tmp_path):
    rng = random.Random(3)
    for turn in range(50):
        folder = tmp_path / str(turn) / "home"
        maker = start(folder, "x", 0)
        threading.Event().wait(0.3 + rng.random() * 0.4)
        os.kill(maker.pid, signal.SIGKILL)
        maker.communicate()
        with Home.open(folder, create=True, settings=Settings()) as home:
            check_in_step(home)
            assert len(home.trust.keys) == len(SERVICES)


def test_a_full_disk_stops_with_a_clear_error_and_loses_nothing(tmp_path):
    """A limit on file size stands for the full disk."""
    code = """
import resource
import strongroom.home.home as home
from strongroom.domain.errors import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    exec(WRITER)
except StoreError as error:
    sys.exit(str(error))
"""
    folder = tmp_path / "home"
    with Home.open(folder, create=True, settings=Settings()):
        pass
    told = subprocess.run(
        [sys.executable, "-c", f"WRITER = {WRITER!r}\n{code}", str(folder), "a", "10000"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 1, told.stderr
    assert "disk" in told.stderr or "space" in told.stderr
    assert "Traceback" not in told.stderr
    with Home.open(folder, settings=Settings()) as home:
        assert set(told.stdout.split()) <= check_in_step(home)
        home.record(note("after"), "assessor")


def test_who_waits_too_long_for_a_lock_is_told_which(tmp_path):
    lock = tmp_path / "lock"
    with held(lock), pytest.raises(ConflictError, match="lock"), held(lock, patience=0.05):
        pass


def test_a_lock_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file stands where"), held(tmp_path / "file" / "lock"):
        pass
