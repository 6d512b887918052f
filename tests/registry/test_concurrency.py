"""Promotions by several processes at once, and by processes that are killed in the middle."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from strongroom.domain.decision import Stage
from strongroom.home.home import Home
from strongroom.home.settings import Settings
from strongroom.registry.registry import Registry
from strongroom.testing.releases import decide, make_release

DEV = Stage.DEVELOPMENT
PROMOTER = """
import os, sys
from pathlib import Path
from strongroom.domain.decision import Stage
from strongroom.domain.errors import ConflictError
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home
from strongroom.home.settings import Settings
from strongroom.registry.registry import Registry
home, over, *releases = sys.argv[1:]
with Home.open(Path(home), settings=Settings(database=os.environ["URL"])) as opened:
    registry = Registry(opened)
    print("ready", flush=True)
    sys.stdin.readline()
    for release in releases:
        try:
            move = registry.promote(
                load_manifest(Path(release)), Stage.DEVELOPMENT, over=int(over) if over else None
            )
        except ConflictError as error:
            print("lost", error, flush=True)
        else:
            print("won", move.number, move.version, flush=True)
"""


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database=database_url)


def start(home: Path, settings: Settings, *releases: Path, over: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROMOTER, str(home), over, *map(str, releases)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "URL": settings.database or ""},
    )


def allowed_releases(folder: Path, home: Home, count: int) -> list[Path]:
    """Folders of versions that are decided about and wait for promotion."""
    folders = [folder / f"release-{number}" for number in range(count)]
    for number, release in enumerate(folders):
        decide(home, make_release(release, b"model %d" % number), DEV)
    return folders


def race(tmp_path: Path, settings: Settings, *, same: bool) -> None:
    where = tmp_path / "home"
    with Home.open(where, create=True, settings=settings) as home:
        releases = allowed_releases(tmp_path, home, 1 if same else 8)
    promoters = [start(where, settings, releases[n % len(releases)], over="0") for n in range(8)]
    assert [p.stdout.readline() for p in promoters] == ["ready\n"] * 8
    for promoter in promoters:
        promoter.stdin.write("go\n")
        promoter.stdin.flush()
    said = [promoter.communicate() for promoter in promoters]
    assert [errors for _, errors in said] == [""] * 8
    won = [line for output, _ in said for line in output.splitlines() if line.startswith("won")]
    lost = [line for output, _ in said for line in output.splitlines() if line.startswith("lost")]
    assert (len(won), len(lost)) == (1, 7)
    assert all("development" in line or "somebody else" in line for line in lost)
    with Home.open(where, settings=settings) as home:
        registry = Registry(home)
        (move,) = registry.history("fraud", DEV)
        assert str(move.version) == won[0].split()[-1]
        assert registry.open("fraud", DEV).version == move.version
        assert home.ledger.verify().problems == ()


def test_of_eight_processes_with_eight_versions_one_wins_and_seven_are_told(tmp_path, settings):
    race(tmp_path, settings, same=False)


@pytest.mark.slow
def test_of_eight_processes_with_one_version_one_wins_and_it_is_sealed_once(tmp_path, settings):
    race(tmp_path, settings, same=True)
    with Home.open(tmp_path / "home", settings=settings) as home:
        assert len(Registry(home).versions()) == 1


def kill_at_random(tmp_path: Path, settings: Settings, times: int, seed: int) -> int:
    """Kill a promoter at a random moment, again and again; how many were killed in the middle."""
    rng = random.Random(seed)
    where, in_the_middle = tmp_path / "home", 0
    with Home.open(where, create=True, settings=settings) as home:
        releases = allowed_releases(tmp_path, home, 6)
    for _ in range(times):
        rng.shuffle(releases)
        promoter = start(where, settings, *releases)
        assert promoter.stdout.readline() == "ready\n"
        promoter.stdin.write("go\n")
        promoter.stdin.flush()
        time.sleep(rng.random() * 0.3)
        os.kill(promoter.pid, signal.SIGKILL)
        output, errors = promoter.communicate()
        assert errors == ""
        acknowledged = [line.split() for line in output.splitlines() if line.startswith("won")]
        in_the_middle += len(output.splitlines()) < len(releases)
        with Home.open(where, settings=settings) as home:
            check_whole(home, acknowledged)
    return in_the_middle


def check_whole(home: Home, acknowledged: list[list[str]]) -> None:
    """Every acknowledged move is there, at most one more is, and what stands there opens."""
    registry = Registry(home)
    history = registry.history("fraud", DEV)
    assert [move.number for move in history] == list(range(len(history), 0, -1))
    there = {(str(move.number), str(move.version)) for move in history}
    said = {(number, version) for _, number, version in acknowledged}
    assert said <= there
    if acknowledged:
        assert len(history) - max(int(number) for number, _ in said) <= 1
    if history:
        assert registry.open("fraud", DEV).version == history[0].version
    for version in registry.versions():
        assert registry.open("fraud", version.digest).files["model/model.bin"][:6] == b"model "
    assert home.ledger.verify().problems == ()


def test_a_promotion_that_is_killed_leaves_the_old_version_or_the_new_one(tmp_path, settings):
    kill_at_random(tmp_path, settings, times=2, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_killed_promotions_leave_the_old_version_or_the_new_one(tmp_path, settings):
    assert kill_at_random(tmp_path, settings, times=50, seed=2) > 25
