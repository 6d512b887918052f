"""The pipeline of examples/ci on a local git server: what the gate denies does not enter main."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from strongroom.domain.decision import Stage
from strongroom.home.home import Home
from strongroom.testing.evidence import approve
from strongroom.testing.systems import make_workshop

CI = Path(__file__).parents[2] / "examples/ci"
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


class Desk:
    """An engineer's clone of a repository whose server asks the gate."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "store"
        Home.open(self.home, create=True).close()
        server = folder / "server.git"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "STRONGROOM_"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "STRONGROOM_HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        self.run("git", "init", "--bare", "--initial-branch=main", server, where=folder)
        for name in ("pre-receive", "strongroom.sh"):
            shutil.copy(CI / name, server / "hooks" / name)
        self.clone = folder / "clone"
        self.run("git", "clone", server, self.clone, where=folder)
        for name in ("name", "email"):
            self.run("git", "config", f"user.{name}", "erin@bank.example")

    def run(self, *command: object, where: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd=where or self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def push(self) -> subprocess.CompletedProcess[str]:
        self.run("git", "add", "-A")
        self.run("git", "commit", "--message", "a version")
        return self.run("git", "push", "origin", "HEAD:main")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.slow
def test_a_version_that_the_gate_allows_enters_main_and_a_poisoned_file_does_not(desk):
    workshop = make_workshop(desk.clone)
    with Home.open(desk.home) as home:
        approve(home, workshop.load(), Stage.DEVELOPMENT, "bob")
    pushed = desk.push()
    assert pushed.returncode == 0, pushed.stderr
    assert "ALLOW card-fraud → development" in pushed.stderr

    class Shell:
        def __reduce__(self):
            return os.system, ("true",)

    (desk.clone / "weights.pkl").write_bytes(pickle.dumps(Shell()))
    refused = desk.push()
    assert refused.returncode == 1
    assert "pre-receive hook declined" in refused.stderr
    log = desk.run("git", "log", "--oneline", "origin/main").stdout
    assert len(log.splitlines()) == 1


@pytest.mark.slow
def test_what_the_gate_denies_is_in_every_report_with_its_reason(desk, tmp_path):
    workshop = make_workshop(desk.clone)
    workshop.put("test", workshop.frame("test").drop("risk"))
    reports = tmp_path / "reports"
    done = desk.run("sh", CI / "strongroom.sh", "development", desk.clone, reports)
    assert done.returncode == 1
    assert "DENY card-fraud" in done.stderr
    results = json.loads((reports / "gate.sarif").read_bytes())["runs"][0]["results"]
    assert any(r["kind"] == "fail" and r["ruleId"] == "SR-DA-01" for r in results)
    assert "<failure" in (reports / "assess.xml").read_text()


@pytest.mark.slow
def test_a_broken_manifest_is_could_not_tell(desk, tmp_path):
    (desk.clone / "strongroom.yaml").write_text("version: [")
    done = desk.run("sh", CI / "strongroom.sh", "development", desk.clone, tmp_path / "reports")
    assert done.returncode == 2
    assert desk.push().returncode == 1, "the server takes nothing that it could not judge"


@pytest.mark.parametrize(
    "name", ["azure-pipelines.yml", "github.yml", "gitlab-ci.yml", "pre-commit-config.yaml"]
)
def test_each_template_reads_as_yaml_and_runs_the_same_script(name):
    text = (CI / name).read_text()
    assert yaml.safe_load(text)
    assert "strongroom.sh" in text or "strongroom-scan" in text
