"""`strongroom ledger`: JSON alone on stdout, exit 0 verified, 1 found, 2 could not tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.ledger import Ledger


def ledger_command(*arguments: object, **settings: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "strongroom.cli", "ledger", *map(str, arguments)],
        capture_output=True,
        check=False,
        env=os.environ | settings,
    )


@pytest.fixture
def home(tmp_path, signer) -> Path:
    with Ledger.create(tmp_path / "home/ledger", "ledger.example/cli", signer) as ledger:
        ledger.append([b"entry %d" % i for i in range(300)])
    return tmp_path / "home"


def test_verify_says_in_json_that_all_is_well(home):
    done = ledger_command("verify", "--home", home, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"verified": True, "checked": 300, "problems": []}
    assert done.stderr == b""


def test_verify_names_the_wrong_entry_and_exits_1(home):
    bundle = home / "ledger/tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b"entry 77", b"entry 78", 1))
    done = ledger_command("verify", "--format", "json", STRONGROOM_HOME=str(home))
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "verified": False,
        "checked": 300,
        "problems": [{"path": "tile/entries/000", "reason": "entry 77 is not what was logged"}],
    }
    text = ledger_command("verify", "--home", home)
    assert text.returncode == 1
    assert text.stdout == b""
    assert b"entry 77 is not what was logged" in text.stderr


def test_verify_holds_the_log_to_a_checkpoint_that_was_kept(home, signer, tmp_path):
    kept = tmp_path / "kept"
    kept.write_bytes(ledger_command("show", "--checkpoint", "--home", home).stdout)
    assert ledger_command("verify", "--older", kept, "--home", home).returncode == 0
    with Ledger.create(tmp_path / "shorter/ledger", "ledger.example/cli", signer) as shorter:
        shorter.append([b"entry 0"])
    done = ledger_command("verify", "--older", kept, "--home", tmp_path / "shorter")
    assert done.returncode == 1
    assert b"the tail was cut" in done.stderr


def test_verify_can_be_held_to_a_key_from_elsewhere(home, tmp_path):
    key = tmp_path / "kept-key"
    key.write_bytes((home / "ledger/verifier-key").read_bytes())
    assert ledger_command("verify", "--key", key, "--home", home).returncode == 0
    other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert ledger_command("verify", "--key", other, "--home", home).returncode == 1


@pytest.mark.parametrize("trouble", ["no home", "empty", "no older", "bad older", "bad key"])
def test_what_cannot_be_told_exits_2_with_words_on_stderr(home, signer, tmp_path, trouble):
    arguments = {
        "no home": ("--home", tmp_path / "nowhere"),
        "empty": ("--home", tmp_path / "empty"),
        "no older": ("--home", home, "--older", tmp_path / "nowhere"),
        "bad older": ("--home", home, "--older", home / "ledger/verifier-key"),
        "bad key": ("--home", home, "--key", "ledger.example+0+0"),
    }[trouble]
    Ledger.create(tmp_path / "empty/ledger", "ledger.example/cli", signer).close()
    done = ledger_command("verify", *arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr
    assert b"Traceback" not in done.stderr


def test_a_proof_is_written_and_checked_without_the_log(home, tmp_path):
    proof, entry = tmp_path / "a.tlog-proof", tmp_path / "entry"
    key = (home / "ledger/verifier-key").read_text().strip()
    assert ledger_command("prove", 123, "-o", proof, "--home", home).returncode == 0
    entry.write_bytes(ledger_command("show", 123, "--home", home).stdout)
    assert entry.read_bytes() == b"entry 123"
    done = ledger_command("check-proof", proof, entry, "--key", key, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"verified": True, "index": 123, "size": 300}
    entry.write_bytes(b"entry 124")
    done = ledger_command("check-proof", proof, entry, "--key", key, "--format", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["verified"] is False
    assert ledger_command("check-proof", proof, tmp_path / "no", "--key", key).returncode == 2


def test_show_tells_the_head_in_json_and_the_last_entries_in_words(home):
    done = ledger_command("show", "--home", home, "--format", "json")
    head = json.loads(done.stdout)
    assert (head["origin"], head["size"]) == ("ledger.example/cli", 300)
    assert head["checkpoint"].encode() == (home / "ledger/checkpoint").read_bytes()
    assert b"entry 299" in ledger_command("show", "--home", home).stderr
    assert ledger_command("show", 300, "--home", home).returncode == 2


def test_recover_publishes_what_a_crash_left_behind(home):
    (home / "ledger/checkpoint").unlink()
    done = ledger_command("recover", "--home", home)
    assert done.returncode == 0
    assert ledger_command("verify", "--home", home).returncode == 0
