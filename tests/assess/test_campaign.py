"""A campaign over many systems: what is left to do, and that a kill loses and repeats nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.assess.campaign import (
    MAX_STARTS,
    Ended,
    Planned,
    Scope,
    Standing,
    Started,
    remaining,
    standing,
)
from strongroom.assess.campaign_journal import opened
from strongroom.domain.errors import ConflictError, InputError
from strongroom.domain.evidence import EVIDENCE_TYPE
from strongroom.domain.outcome import Outcome
from strongroom.home.home import Home
from strongroom.testing.systems import Workshop

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FOLDERS = ("/a", "/b", "/c")
SCOPE = Scope(FOLDERS, (), "standard", 0)


def ended(folder, outcome=Outcome.PASS):
    return Ended(folder, AT, outcome, "s", (1, 0, 0))


def test_what_has_not_ended_is_left():
    found = standing([Planned(AT), Started("/a", AT), ended("/a"), Started("/b", AT)])
    assert found.left(FOLDERS) == ("/c", "/b")
    assert not found.over(FOLDERS)


def test_a_round_that_is_over_is_followed_by_a_new_one():
    lines = [Planned(AT), *(ended(f) for f in FOLDERS)]
    assert standing(lines).over(FOLDERS)
    assert standing([*lines, Planned(AT)]).left(FOLDERS) == FOLDERS


def test_a_system_that_never_ends_is_given_up():
    found = standing([Planned(AT), *[Started("/b", AT)] * MAX_STARTS])
    assert found.hopeless("/b")
    assert found.left(FOLDERS) == ("/a", "/c")


def test_nothing_is_over_before_it_began():
    assert not Standing().over(FOLDERS)


def test_the_time_left_is_shared_by_the_workers():
    assert remaining([10.0, 20.0], 4, 2) == timedelta(seconds=30)
    assert remaining([10.0], 1, 8) == timedelta(seconds=10)
    assert remaining([], 4, 2) is None


def test_a_journal_gives_back_its_lines(tmp_path):
    lines = [Planned(AT), Started("/a", AT), ended("/a", Outcome.FAIL)]
    with opened(tmp_path, SCOPE) as journal:
        for line in lines:
            journal.add(line)
    with opened(tmp_path, SCOPE) as journal:
        assert journal.lines == tuple(lines)


def test_a_line_that_was_cut_off_is_not_there(tmp_path):
    with opened(tmp_path, SCOPE) as journal:
        journal.add(Planned(AT))
        journal.add(ended("/a"))
    (path,) = (tmp_path / "campaigns").glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-9])
    with opened(tmp_path, SCOPE) as journal:
        assert journal.lines == (Planned(AT),)
    with opened(tmp_path, SCOPE) as journal:
        journal.add(Started("/b", AT))
    with opened(tmp_path, SCOPE) as journal:
        assert journal.lines == (Planned(AT), Started("/b", AT))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"{}", id="no kind"),
        pytest.param(b'{"kind":"eaten","line":{"at":"2026-11-22T10:00:00Z"}}', id="strange kind"),
        pytest.param(b'{"kind":"ended","line":{"at":"2026-11-22T10:00:00Z"}}', id="no outcome"),
        pytest.param(b"\xff\x00", id="bytes"),
        pytest.param(b"[]", id="list"),
    ],
)
def test_a_malformed_journal_is_an_error_with_its_place(tmp_path, text):
    with opened(tmp_path, SCOPE):
        pass
    (path,) = (tmp_path / "campaigns").glob("*.jsonl")
    path.write_bytes(text + b"\n")
    with pytest.raises(InputError), opened(tmp_path, SCOPE):
        pass


def test_one_process_at_a_time_runs_a_campaign(tmp_path):
    with opened(tmp_path, SCOPE), pytest.raises(ConflictError), opened(tmp_path, SCOPE):
        pass


def test_another_profile_or_seed_is_another_campaign():
    others = (Scope(FOLDERS, (), "deep", 0), Scope(FOLDERS, (), "standard", 1))
    assert len({SCOPE.digest, *(o.digest for o in others)}) == 3


@pytest.fixture
def three(pattern, tmp_path):
    """A folder with three systems that are alike but for their name."""
    for name in ("one", "two", "three"):
        folder = tmp_path / "systems" / name
        shutil.copytree(pattern.folder, folder)
        manifest = Workshop(folder).manifest
        manifest["system"]["name"] = name
        Workshop(folder).write(manifest)
    return tmp_path / "systems"


def command(folder, *words):
    return [
        sys.executable, "-m", "strongroom.cli", "assess", "--all", str(folder),
        "--home", str(folder.parent / "home"), "--check", "data.schema", "--jobs", "1", *words,
    ]  # fmt: skip


def ask(folder, *words):
    return subprocess.run(command(folder, *words), capture_output=True, check=False)


def lines(folder):
    (path,) = (folder.parent / "home" / "campaigns").glob("*.jsonl")
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def recorded(folder):
    """Systems of the evidence in the home, sorted."""
    with Home.open(folder.parent / "home") as home:
        return sorted(r.statement.predicate["system"] for r in home.records(EVIDENCE_TYPE))


def kill_when(folder, kind, count):
    """Start the campaign; SIGKILL it when its journal holds so many lines of that kind."""
    process = subprocess.Popen(command(folder), stderr=subprocess.DEVNULL)
    needle = f'"kind":"{kind}"'.encode()
    while process.poll() is None:
        journals = list((folder.parent / "home" / "campaigns").glob("*.jsonl"))
        if journals and journals[0].read_bytes().count(needle) >= count:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    return process.wait()


def test_a_system_that_cannot_be_assessed_does_not_stop_the_others(three):
    (three / "one" / "strongroom.yaml").write_text("version: [")
    Workshop(three / "two").put("train", Workshop(three / "two").frame("train").drop("amount"))
    done = ask(three, "--format", "json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    outcomes = {Path(s["folder"]).name: s["outcome"] for s in document["systems"]}
    assert outcomes == {"one": "unknown", "two": "fail", "three": "pass"}
    broken = next(s for s in document["systems"] if s["folder"].endswith("one"))
    assert "strongroom.yaml" in broken["problem"]
    assert document["outcome"] == "fail"


@pytest.mark.slow
def test_a_killed_campaign_goes_on_and_assesses_every_system_once(three):
    assert kill_when(three, "ended", 1) == -signal.SIGKILL
    done = ask(three)
    assert done.returncode == 0, done.stderr
    assert b"going on: 1 of 3" in done.stderr
    assert recorded(three) == ["one", "three", "two"]
    assert [line["kind"] for line in lines(three)].count("ended") == 3


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("planned", 1), ("started", 1), ("started", 3)])
def test_a_kill_at_any_point_loses_and_repeats_nothing(three, kind, count):
    assert kill_when(three, kind, count) == -signal.SIGKILL
    assert ask(three).returncode == 0
    assert recorded(three) == ["one", "three", "two"]


@pytest.mark.slow
def test_a_system_that_takes_too_long_is_ended_and_said_so(three):
    done = ask(three, "--system-limit", "1", "--format", "json")
    assert done.returncode == 2
    assert "stopped after 1 s" in json.loads(done.stdout)["systems"][0]["problem"]


@pytest.mark.slow
def test_the_next_round_uses_evidence_again_and_says_so(three):
    assert ask(three).returncode == 0
    again = json.loads(ask(three, "--format", "json").stdout)
    assert [s["reused"] for s in again["systems"]] == [1, 1, 1]
    assert recorded(three) == ["one", "three", "two"]


def test_what_does_not_go_with_all_is_refused(three):
    done = ask(three, "--to", "production")
    assert done.returncode == 2
    assert b"does not go with --all" in done.stderr


def test_a_folder_without_systems_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    done = ask(tmp_path / "empty")
    assert done.returncode == 2
    assert b"no strongroom.yaml in it or below it" in done.stderr
