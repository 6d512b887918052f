"""MLflow with a real tracking server: artifacts sealed by clients, aliases behind the gate."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from strongroom.domain.decision import Decision, Stage
from strongroom.domain.errors import DeniedError, InputError
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded, load_manifest
from strongroom.home.home import Home
from strongroom.integrations.artifacts import Artifacts
from strongroom.registry.deciding import Decided, put_before_gate
from strongroom.registry.registry import Registry
from strongroom.testing.releases import decide, make_release

mlflow = pytest.importorskip("mlflow", reason="needs `make peers`")
with warnings.catch_warnings():  # of its own type hints, at import
    warnings.simplefilter("ignore")
    import lightgbm
    import mlflow.lightgbm
    import mlflow.pyfunc
    import mlflow.sklearn

from mlflow.exceptions import MlflowException  # noqa: E402

from strongroom.integrations.mlflow_promote import Steps, check_out, promote  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings(  # MLflow's, about itself and its dependencies
        "ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
    ),
]
ROWS = np.random.default_rng(7).normal(size=(200, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)


@dataclass(frozen=True)
class Server:
    folder: Path
    url: str
    process: subprocess.Popen[bytes]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(tracking_uri=self.url)


def start(folder: Path) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1", "--no-serve-artifacts"),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
            *("--registry-store-uri", f"gated+sqlite:///{folder}/mlflow.db"),
            *("--default-artifact-root", f"sealed://{folder}/home/mlflow"),
        ],
        env={
            **os.environ,
            "STRONGROOM_HOME": str(folder / "home"),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven workers that nobody asks for
        },
        stdout=(folder / "server.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(2000):  # a busy machine starts it slowly
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return Server(folder, url, process)
        except OSError:
            assert process.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError((folder / "server.log").read_text())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    Home.open(folder / "home", create=True).close()
    running = start(folder)
    mlflow.set_tracking_uri(running.url)
    yield running
    mlflow.set_tracking_uri(None)
    if running.process.poll() is None:
        os.killpg(running.process.pid, signal.SIGTERM)
        running.process.wait(30)


@pytest.fixture(scope="module")
def logged(server: Server) -> Server:
    """Version 1 is LightGBM, version 2 scikit-learn."""
    mlflow.set_experiment("fraud")
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(ROWS, LABELS), 5)
    with mlflow.start_run():
        mlflow.lightgbm.log_model(
            booster, name="a", registered_model_name="fraud", pip_requirements=["lightgbm"]
        )
        mlflow.sklearn.log_model(
            LogisticRegression().fit(ROWS, LABELS),
            name="b",
            registered_model_name="fraud",
            pip_requirements=["scikit-learn"],
        )
    return server


def manifest(folder: Path) -> Loaded:
    """The system `fraud` with no model in its place yet."""
    made = make_release(folder)
    for file in (folder / "model").iterdir():
        file.unlink()
    (folder / "model").rmdir()
    return load_manifest(made.folder / "strongroom.yaml")


def allow(home: Home) -> Steps:
    """The gate's answer for this test is yes; everything else is real."""

    def decided(loaded: Loaded, stage: Stage) -> Decided:
        record = decide(home, loaded, stage)
        return Decided(Decision.from_statement(record.statement), record.digest, ())

    return Steps(assess=lambda loaded: None, decide=decided)


def test_an_alias_that_means_production_waits_for_the_gate(logged: Server, tmp_path: Path) -> None:
    client = logged.client
    client.set_registered_model_alias("fraud", "latest-try", "1")
    with pytest.raises(MlflowException, match="the gate has not decided about these digests"):
        client.set_registered_model_alias("fraud", "champion", "1")
    with pytest.raises(MlflowException, match="does not stand in validation"):
        client.set_registered_model_alias("fraud", "challenger", "1")
    with pytest.raises(MlflowException, match="does not stand in production"):
        client.transition_model_version_stage("fraud", "1", "Production")

    loaded = manifest(tmp_path / "system")
    with Home.open(logged.home) as home:
        denied = Steps(
            assess=lambda _: None,
            decide=lambda system, stage: put_before_gate(
                home, system, stage, load_catalog(), home.clock()
            ),
        )
        with pytest.raises(DeniedError, match=r"the gate denied it: SR-.*no evidence"):
            promote(client, home, loaded, "1", Stage.DEVELOPMENT, denied)
        assert not (tmp_path / "system" / "model").exists(), "plaintext goes with the refusal"
        with pytest.raises(MlflowException, match="does not stand in production"):
            client.set_registered_model_alias("fraud", "champion", "1")

        for stage in Stage:
            promote(client, home, loaded, "1", stage, allow(home))
        assert not (tmp_path / "system" / "model").exists()
    assert client.get_model_version_by_alias("fraud", "champion").version == "1"
    assert client.get_model_version_by_alias("fraud", "challenger").version == "1"
    model = mlflow.pyfunc.load_model("models:/fraud@champion")
    assert model.predict(ROWS).shape == (200,)
    with pytest.raises(MlflowException, match="does not stand in production"):
        client.set_registered_model_alias("fraud", "champion", "2")
    with pytest.raises(MlflowException, match=r"champion.* would become other's"):
        client.rename_registered_model("fraud", "other")

    repo = mlflow.artifacts.get_artifact_repository(
        client.get_model_version_download_uri("fraud", "1")
    )
    (tmp_path / "late").write_text("x")
    with pytest.raises(MlflowException, match="what was promoted does not change"):
        repo.log_artifact(str(tmp_path / "late"))


def test_artifacts_of_another_home_never_become_champion(logged: Server, tmp_path: Path) -> None:
    with Home.open(tmp_path / "mine", create=True) as mine:
        (tmp_path / "f").write_text("x")
        Artifacts(mine, "a").add({"MLmodel": tmp_path / "f"})
    client = logged.client
    made = client.create_model_version("fraud", f"sealed://{tmp_path}/mine/a")
    with pytest.raises(MlflowException, match="sealed in another home"):
        client.set_registered_model_alias("fraud", "champion", made.version)


def test_a_version_is_opened_to_look_at_it(logged: Server, tmp_path: Path) -> None:
    loaded = manifest(tmp_path / "system")
    source = logged.client.get_model_version_download_uri("fraud", "2")
    with Home.open(logged.home) as home:
        target = check_out(home, loaded, source)
        assert (target / "MLmodel").is_file()
        assert target.stat().st_mode & 0o777 == 0o700
        assert check_out(home, loaded, source) == target, "the same files may be there already"
        (target / "MLmodel").write_text("x")
        with pytest.raises(InputError, match="the model's place is taken"):
            check_out(home, loaded, source)
        assert Registry(home).versions("other") == ()


def test_a_server_that_is_gone_is_an_error_and_costs_nothing(logged: Server) -> None:
    uri = logged.client.get_model_version_download_uri("fraud", "1")
    os.killpg(logged.process.pid, signal.SIGTERM)
    logged.process.wait(30)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
    try:
        with pytest.raises(MlflowException, match=r"(?i)connection|max retries|refused"):
            mlflow.pyfunc.load_model("models:/fraud@champion")
    finally:
        del os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    assert mlflow.pyfunc.load_model(uri).predict(ROWS).shape == (200,), "artifacts need no server"
