"""A system whose training is a few lines of Python, under Git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.assess.provenance.recording import Wanted, record_run
from strongroom.governance.loader import load_manifest
from strongroom.home.home import system_clock
from strongroom.testing.releases import make_release

TRAIN = """
import sys
from pathlib import Path
rows = open("train.csv").read()
notes = Path("notes.txt").read_text()
Path("model/model.bin").write_text(f"learned from {len(rows)} bytes, {notes}")
Path("metrics.json").write_text("{}")
print("trained")
"""


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=dana", "-c", "user.email=dana@example.com")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def system(tmp_path):
    """Its folder, committed."""
    folder = tmp_path / "system"
    make_release(folder)
    (folder / "train.py").write_text(TRAIN)
    (folder / "notes.txt").write_text("gently")
    (folder / ".gitignore").write_text("metrics.json\n.strongroom/\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it is")
    return folder


@pytest.fixture
def watch(system):
    """Run a command in the system's folder and give what was recorded."""

    def run(*command, variables=(), **wanted):
        loaded = load_manifest(system / "strongroom.yaml")
        words = command or (sys.executable, "train.py")
        asked = Wanted(tuple(words), system, **wanted)
        return record_run(loaded, asked, {**os.environ, **dict(variables)}, system_clock)

    return run
