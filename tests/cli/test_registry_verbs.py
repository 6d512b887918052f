"""promote, rollback, versions, open and keys, as a person or a pipeline uses them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from strongroom.cli.main import run
from strongroom.domain.decision import Stage
from strongroom.home.home import Home
from strongroom.keys.trust import TrustPolicy
from strongroom.testing.releases import decide, make_release


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Strongroom = Callable[..., Said]


@pytest.fixture
def where(tmp_path: Path) -> Path:
    Home.open(tmp_path / "home", create=True).close()
    return tmp_path / "home"


@pytest.fixture
def strongroom(where, monkeypatch, capsys) -> Strongroom:
    """Runs a verb in this process, in a home of its own."""
    for name in ("DATABASE", "OBJECTS", "KMS", "PASSPHRASE", "KEY_PASSPHRASE"):
        monkeypatch.delenv(f"STRONGROOM_{name}", raising=False)
    monkeypatch.setenv("STRONGROOM_HOME", str(where))

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["strongroom", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            run()
        printed = capsys.readouterr()
        return Said(int(left.value.code or 0), printed.out, printed.err)

    return call


def allowed(where: Path, folder: Path, model: bytes, stage: Stage, *, allow: bool = True) -> Path:
    loaded = make_release(folder, model)
    with Home.open(where) as home:
        decide(home, loaded, stage, allow=allow)
    return folder


def test_a_version_is_promoted_listed_opened_and_rolled_back(strongroom, where, tmp_path):
    one = allowed(where, tmp_path / "one", b"one", Stage.DEVELOPMENT)
    two = allowed(where, tmp_path / "two", b"two", Stage.DEVELOPMENT)
    moves = [
        strongroom("promote", folder, "--to", "development", "--format", "json").json
        for folder in (one, two)
    ]
    assert [(m["number"], m["replaced"]) for m in moves] == [(1, None), (2, moves[0]["version"])]
    back = strongroom("rollback", "fraud", "--stage", "development", "--format", "json").json
    assert (back["action"], back["version"]) == ("rollback", moves[0]["version"])
    listed = strongroom("versions", "fraud", "--history", "--format", "json").json
    assert {v["version"]: v["stages"] for v in listed["versions"]} == {
        moves[0]["version"]: ["development"],
        moves[1]["version"]: [],
    }
    assert [m["number"] for m in listed["moves"]] == [3, 2, 1]
    out = tmp_path / "out"
    opened = strongroom(
        "open", "fraud", "--stage", "development", "--to", out, "--format", "json"
    ).json
    assert opened["version"] == moves[0]["version"]
    assert (out / "model" / "model.bin").read_bytes() == b"one"
    assert sorted(opened["written"]) == sorted(str(p) for p in out.rglob("*") if p.is_file())


def test_people_read_what_happened_on_stderr_and_stdout_stays_empty(strongroom, where, tmp_path):
    folder = allowed(where, tmp_path / "one", b"one", Stage.DEVELOPMENT)
    for arguments, words in (
        (("versions",), "no version is sealed here yet"),
        (("promote", folder, "--to", "development"), "promoted fraud"),
        (("versions",), "development"),
        (("open", "fraud", "--stage", "development"), "nothing was written"),
    ):
        said = strongroom(*arguments)
        assert (said.code, said.out) == (0, "")
        assert words in said.err


def test_without_a_decision_promote_exits_1_and_says_what_to_run(strongroom, tmp_path):
    make_release(tmp_path / "one")
    said = strongroom("promote", tmp_path / "one", "--to", "development")
    assert (said.code, said.out) == (1, "")
    assert "run `strongroom gate --to development` first" in said.err


def test_after_a_denial_promote_exits_1_and_names_the_requirement(strongroom, where, tmp_path):
    folder = allowed(where, tmp_path / "one", b"one", Stage.DEVELOPMENT, allow=False)
    said = strongroom("promote", folder, "--to", "development", "--format", "json")
    assert (said.code, said.out) == (1, "")
    assert "SR-TEST-01" in said.err


def test_nothing_to_roll_back_to_exits_1(strongroom):
    assert strongroom("rollback", "fraud", "--stage", "production").code == 1


def test_a_flipped_byte_makes_open_exit_2_and_name_the_file(strongroom, where, tmp_path):
    folder = allowed(where, tmp_path / "one", b"one", Stage.DEVELOPMENT)
    strongroom("promote", folder, "--to", "development")
    sealed = next(
        p for p in where.glob("objects/sha256/*/*") if p.read_bytes().startswith(b"strongroom seal")
    )
    sealed.chmod(0o600)
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"\0")
    said = strongroom("open", "fraud", "--stage", "development", "--to", tmp_path / "out")
    assert said.code == 2
    assert re.search(r"error: \S+: .*not what was sealed", said.err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("open", "fraud"),
        ("open", "fraud", "--stage", "development"),
        ("open", "fraud", "--version", "sha256:nonsense"),
        ("open", "fraud", "--stage", "nowhere"),
        ("promote", "--to", "development", "/nowhere"),
        ("keys", "revoke", "nobody"),
        ("keys", "new", "../up", "--role", "approval"),
        ("keys", "new", "alice", "--role", "king"),
        ("keys", "revoke", "gate", "--at", "yesterday"),
    ],
)
def test_what_cannot_be_done_exits_2_without_a_word_on_stdout(strongroom, arguments):
    said = strongroom(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.err


def test_a_folder_that_is_no_home_exits_2_and_says_how_to_name_one(strongroom, tmp_path):
    said = strongroom("versions", "--home", tmp_path / "none")
    assert said.code == 2
    assert "--home DIR" in said.err


def test_keys_are_made_listed_revoked_and_exported(strongroom, monkeypatch, where, tmp_path):
    monkeypatch.setenv("STRONGROOM_KEY_PASSPHRASE", "hers")
    roles = ("--role", "approval", "--role", "waiver")
    made = strongroom("keys", "new", "alice", *roles, "--scope", "fraud*", "--format", "json").json
    with Home.open(where) as home:
        assert home.signer("alice", b"hers").public.key_id == made["key"]
    strongroom("keys", "revoke", "alice", "--at", "2026-11-22T10:00:00Z")
    listed = strongroom("keys", "list", "--format", "json").json["keys"]
    (alice,) = (key for key in listed if key["name"] == "alice")
    assert alice["roles"] == ["approval", "waiver"]
    assert alice["scopes"] == ["fraud*"]
    assert alice["revoked_at"] == "2026-11-22T10:00:00Z"
    assert "revoked" in strongroom("keys", "list").err
    exported = strongroom("keys", "trust").out.encode()
    strongroom("keys", "trust", "--to", tmp_path / "trust.json")
    assert TrustPolicy.parse(exported) == TrustPolicy.parse((tmp_path / "trust.json").read_bytes())
    assert b"PRIVATE" not in exported


def test_verbs_run_as_processes_too(where, tmp_path):
    folder = allowed(where, tmp_path / "one", b"one", Stage.DEVELOPMENT)
    command = [sys.executable, "-m", "strongroom.cli"]
    done = subprocess.run(
        [*command, "promote", str(folder), "--to", "development", "--home", str(where)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_shredded_version_is_listed_as_shredded(strongroom, where, tmp_path):
    folder = allowed(where, tmp_path / "one", b"one", Stage.DEVELOPMENT)
    strongroom("promote", folder, "--to", "development")
    strongroom("keys", "new", "sue", "--role", "shred")
    (before,) = strongroom("versions", "--format", "json").json["versions"]
    assert before["shredded"] is None
    assert strongroom("shred", "fraud", "--key", "sue", "--reason", "erasure", "--yes").code == 0
    (after,) = strongroom("versions", "--format", "json").json["versions"]
    assert (after["shredded"]["action"], after["shredded"]["by"]) == ("destroyed", "sue")
    assert "shredded development" in strongroom("versions").err
