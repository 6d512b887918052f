"""A recorded run under the tools that teams train with: DVC runs it, or it logs to MLflow."""

import os
import subprocess
import sys

import pytest

from strongroom.assess.provenance.known import known_provenance
from strongroom.domain.digests import sha256
from strongroom.governance.artifacts import digest_artifact
from strongroom.home.home import Home

STAGE = """
stages:
  train:
    cmd: {python} -c "from strongroom.cli.main import run; run()" record -- {python} train.py
    deps: [train.csv, train.py]
    outs: [model]
"""
LOGS = """
import mlflow
from pathlib import Path
mlflow.set_tracking_uri("sqlite:///" + str(Path("runs.db").resolve()))
with mlflow.start_run(run_name="night") as run:
    mlflow.log_param("depth", 3)
    Path("model/model.bin").write_text("learned")
Path("run.txt").write_text(run.info.run_id)
"""


@pytest.mark.slow
def test_a_stage_that_dvc_reproduces_is_recorded(system, tmp_path):
    pytest.importorskip("dvc", reason="needs `make peers`")
    (system / "dvc.yaml").write_text(STAGE.format(python=sys.executable))
    quiet = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    script = system / "train.py"  # DVC removes outputs before it runs the stage
    script.write_text("import os\nos.mkdir('model')\n" + script.read_text())
    git = ("git", "rm", "-rq", "--cached", "model")
    subprocess.run(git, cwd=system, check=True, capture_output=True)
    for words in (("init", "-q"), ("repro", "-q")):
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(
            command, cwd=system, env=quiet, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with Home.open(system / ".strongroom") as home:
        (known,) = known_provenance(home, "fraud")
    made = known.provenance
    assert made.context["dvc.yaml"] == str(sha256((system / "dvc.yaml").read_bytes()))
    assert made.input("data.train").digest == digest_artifact(system / "train.csv")
    assert (made.command, made.exit_code) == ((sys.executable, "train.py"), 0)
    assert made.output("model").digest == digest_artifact(system / "model")


@pytest.mark.slow
def test_a_run_that_logs_to_mlflow_is_recorded_with_its_run(watch, system):
    pytest.importorskip("mlflow", reason="needs `make peers`")
    (system / "train.py").write_text(LOGS)
    made = watch().provenance
    assert made.exit_code == 0
    assert made.context["mlflow.run_id"] == (system / "run.txt").read_text()
    assert made.context["mlflow.runName"] == "night"
    assert made.output("model").digest == digest_artifact(system / "model")
