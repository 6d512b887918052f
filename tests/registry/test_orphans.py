"""Objects that nothing refers to are found and deleted, and never one that something refers to."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.cli.main import run
from strongroom.domain.decision import Stage
from strongroom.domain.errors import StoreError
from strongroom.home.home import Home
from strongroom.home.orphans import orphans, remove
from strongroom.home.settings import Settings
from strongroom.keys.sealing import SEGMENT
from strongroom.keys.trust import Role
from strongroom.registry.registry import Registry
from strongroom.testing.releases import decide, make_release

DEV = Stage.DEVELOPMENT


def later(days: int = 2) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_what_records_name_is_no_orphan_and_the_rest_is(shop, home, registry):
    shop.promote(b"one")
    home.add_key("alice", [Role.APPROVAL])
    lost = home.objects.put([b"sealed by somebody who was killed"])
    (orphan,) = orphans(home, later())
    assert orphan.digest == lost
    assert remove(home, [orphan]) == orphan.size
    assert orphans(home, later()) == ()
    assert registry.open("fraud", DEV).files["model/model.bin"] == b"one"
    assert home.ledger.verify().problems == ()


def test_what_was_put_there_within_a_day_is_left(home):
    home.objects.put([b"somebody is still at it"])
    assert orphans(home, datetime.now(UTC)) == ()


def test_what_is_put_there_again_meanwhile_is_left(home):
    name = home.objects.put([b"a policy"])
    found = orphans(home, later())
    time.sleep(0.01)  # the folder's clock has to tick
    home.objects.put([b"a policy"])
    assert remove(home, found) == 0
    assert home.objects.has(name)


def test_a_record_that_cannot_be_read_stops_it(shop, home):
    shop.promote(b"one")
    decision = next(home.records("urn:strongroom:seal:v1"))
    home.objects.delete(decision.envelope_digest)
    with pytest.raises(StoreError, match="is missing"):
        orphans(home, later())


def test_tidy_lists_and_deletes_when_told_to(tmp_path, monkeypatch, capsys):
    with Home.open(tmp_path / "home", create=True, settings=Settings()) as home:
        name = home.objects.put([b"lost"])
        os.utime(home.objects.path(name), (0, 0))
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "home"))
    for option, said in (
        ((), "1 objects, 4 bytes: not deleted"),
        (("--delete",), "1 objects, 4 bytes: deleted"),
        ((), "nothing to tidy up"),
    ):
        monkeypatch.setattr(sys, "argv", ["strongroom", "tidy", *option])
        with pytest.raises(SystemExit) as left:
            run()
        assert (left.value.code or 0, said in capsys.readouterr().err) == (0, True)


def seal_many(folder: Path) -> None:
    """Promote a release of many files: sealing them takes a while."""
    loaded = make_release(folder / "release", b"weights")
    for number in range(300):
        (folder / "release" / "model" / f"{number}.bin").write_bytes(os.urandom(SEGMENT // 64))
    with Home.open(folder / "home", settings=Settings()) as home:
        decide(home, loaded, DEV)
        Registry(home).promote(loaded, DEV)


@pytest.mark.slow
def test_a_killed_sealing_leaves_orphans_that_go_and_the_next_one_is_whole(tmp_path):
    Home.open(tmp_path / "home", create=True, settings=Settings()).close()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            seal_many(tmp_path)
        os._exit(1)
    while len(list((tmp_path / "home" / "objects" / "sha256").glob("*/*"))) < 20:
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it ended before it could be killed"
    with Home.open(tmp_path / "home", settings=Settings()) as home:
        found = orphans(home, later())
        assert len(found) > 5
        remove(home, found)
    seal_many(tmp_path)
    with Home.open(tmp_path / "home", settings=Settings()) as home:
        assert len(Registry(home).open("fraud", DEV).files) == 304
        assert orphans(home, later()) == ()
