"""MLflow with `sealed://` artifacts, without a tracking server."""

from __future__ import annotations

import gc
import os
import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from strongroom.home.home import Home
from strongroom.integrations.artifacts import Artifacts
from strongroom.integrations.plaintext import MEMORY, PlainFolder

mlflow = pytest.importorskip("mlflow", reason="needs `make peers`")

with warnings.catch_warnings():  # of its own type hints, at import
    warnings.simplefilter("ignore")
    import mlflow.pyfunc
    import mlflow.sklearn

from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.store.artifact.artifact_repository_registry import (  # noqa: E402
    get_artifact_repository,
)
from sklearn.linear_model import LogisticRegression  # noqa: E402

from strongroom.integrations.mlflow_store import SealedArtifactRepository  # noqa: E402

pytestmark = pytest.mark.filterwarnings(  # MLflow's, about itself and its dependencies
    "ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)

CANARY = "CANARY-4f9a1c7e-not-to-be-found"
ROWS = np.random.default_rng(7).normal(size=(60, 3))


class Bomb:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def repo(home: Home) -> SealedArtifactRepository:
    made = get_artifact_repository(f"sealed://{home.folder}/mlflow/1/run/artifacts")
    assert isinstance(made, SealedArtifactRepository), "found by its entry point"
    return made


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A home, and a registered model whose artifacts are sealed in it."""
    folder = tmp_path_factory.mktemp("tracked")
    Home.open(folder / "home", create=True).close()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    location = f"sealed://{folder}/home/mlflow"
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("fraud", location))
    model = LogisticRegression().fit(ROWS, ROWS[:, 0] > 0)
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name="fraud",
            pip_requirements=["scikit-learn"],
            metadata={"canary": CANARY},
        )
    yield folder, logged.model_uri
    mlflow.set_tracking_uri(None)


def plain_folders() -> set[Path]:
    return set(MEMORY.glob("strongroom-plain-*"))


def test_a_registered_model_loads_verified_and_leaves_no_plaintext(
    tracked: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    canary_in: Callable[[Path], list[Path]],
) -> None:
    folder, _ = tracked
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = plain_folders()
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("fraud", "champion", "1")
    model = mlflow.pyfunc.load_model("models:/fraud@champion")
    assert set(model.predict(ROWS)) <= {False, True}
    assert CANARY in str(model.metadata.metadata)
    assert plain_folders() <= before
    # MLflow's own database knows the tags that it was given; what was logged as a file is sealed.
    assert canary_in(tmp_path) == []
    assert canary_in(folder / "home") == []


def test_each_flavor_of_load_model_leaves_nothing(tracked: tuple[Path, str]) -> None:
    before = plain_folders()
    model = mlflow.sklearn.load_model("models:/fraud/1")
    assert model.predict(ROWS).shape == (60,)
    assert plain_folders() <= before


def test_downloaded_files_stay_until_the_process_ends(tracked: tuple[Path, str]) -> None:
    before = plain_folders()
    path = Path(mlflow.artifacts.download_artifacts("models:/fraud/1"))
    gc.collect()
    assert (path / "MLmodel").is_file()
    assert path.stat().st_mode & 0o777 == 0o700
    (left,) = plain_folders() - before
    assert left == path


@pytest.mark.parametrize("change", ["added", "removed", "changed", "renamed"])
def test_a_changed_folder_is_not_loaded(
    tracked: tuple[Path, str], tmp_path: Path, change: str
) -> None:
    """The signed list decides: whoever can write the store, and cannot sign, changes nothing."""
    folder, uri = tracked
    with Home.open(folder / "home") as home:
        root = get_artifact_repository(uri).repo._place.root
        held = Artifacts.at(home, root).now()
        objects = {file.path: home.objects.path(file.object) for file in held.files}
    target = objects["MLmodel"]
    kept = target.read_bytes()
    target.chmod(0o600)
    if change == "removed":
        target.unlink()
    elif change == "changed":
        target.write_bytes(kept[:-1] + b"x")
    elif change == "renamed":
        target.write_bytes(objects["requirements.txt"].read_bytes())
    else:
        (target.parent / "added").write_bytes(b"x")
    try:
        if change == "added":  # nobody asks for what no list names
            assert "added" not in [f.path for f in get_artifact_repository(uri).list_artifacts("")]
        else:
            with pytest.raises(MlflowException, match=r"MLmodel|is missing"):
                mlflow.pyfunc.load_model(uri)
    finally:
        target.write_bytes(kept)


def test_a_hostile_pickle_is_refused_before_it_is_loaded(
    repo: SealedArtifactRepository, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    mark = tmp_path / "executed"
    (model / "model.pkl").write_bytes(pickle.dumps(Bomb(mark)))
    (model / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"
        "    model_path: model.pkl\n    python_version: 3.11.7\n"
        "  sklearn:\n    pickled_model: model.pkl\n    serialization_format: pickle\n"
    )
    repo.log_artifacts(str(model))
    before = plain_folders()
    with pytest.raises(MlflowException, match=r"model\.pkl: block, loading calls") as refused:
        mlflow.pyfunc.load_model(repo.artifact_uri)
    assert refused.value.error_code == "PERMISSION_DENIED"
    assert not mark.exists()
    assert plain_folders() <= before


def test_a_loader_that_nobody_reviewed_is_refused_unless_the_operator_admits_review(
    repo: SealedArtifactRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: my_bank.loader\n"
    )
    repo.log_artifact(str(tmp_path / "MLmodel"))
    with pytest.raises(MlflowException, match=r"MLmodel: review, names my_bank\.loader"):
        repo.download_artifacts("")
    monkeypatch.setenv("STRONGROOM_ADMIT", "review")
    assert Path(repo.download_artifacts(""), "MLmodel").is_file()
    monkeypatch.setenv("STRONGROOM_ADMIT", "everything")
    with pytest.raises(MlflowException, match="STRONGROOM_ADMIT is 'everything'"):
        repo.download_artifacts("")


def test_artifacts_are_listed_as_a_folder_would_be(
    repo: SealedArtifactRepository, tmp_path: Path
) -> None:
    (tmp_path / "plots" / "deep").mkdir(parents=True)
    (tmp_path / "plots" / "a.txt").write_text("abc")
    (tmp_path / "plots" / "deep" / "b.txt").write_text("")
    repo.log_artifacts(str(tmp_path / "plots"), "plots")
    repo.log_artifact(str(tmp_path / "plots" / "a.txt"))
    listed = [(f.path, f.is_dir, f.file_size) for f in repo.list_artifacts()]
    assert listed == [("a.txt", False, 3), ("plots", True, None)]
    assert [f.path for f in repo.list_artifacts("plots")] == ["plots/a.txt", "plots/deep"]
    assert repo.list_artifacts("a.txt") == []
    inner = get_artifact_repository(f"{repo.artifact_uri}/plots")
    assert [f.path for f in inner.list_artifacts()] == ["a.txt", "deep"]
    assert Path(inner.download_artifacts("a.txt")).read_text() == "abc"
    repo.delete_artifacts("plots")
    assert [f.path for f in repo.list_artifacts()] == ["a.txt"]


def test_a_named_folder_gets_whole_files_or_none(
    repo: SealedArtifactRepository, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "a.txt").write_text("abc")
    repo.log_artifact(str(tmp_path / "a.txt"), "one/two")
    path = Path(repo.download_artifacts("one/two/a.txt", str(out)))
    assert path == out / "one" / "two" / "a.txt"
    assert path.read_text() == "abc"
    assert [p.name for p in out.iterdir()] == ["one"]
    with pytest.raises(MlflowException, match="no such artifact"):
        repo.download_artifacts("one/three", str(out))
    with pytest.raises(MlflowException, match=r"not a path|no such artifact"):
        repo.download_artifacts("../../home.json", str(out))


def test_a_process_that_died_leaves_nothing_for_long() -> None:
    child = os.fork()
    if child == 0:
        (PlainFolder().path / "secret").write_text(CANARY)
        os._exit(9)
    os.waitpid(child, 0)
    left = [f for f in plain_folders() if (f / "secret").exists()]
    assert len(left) == 1
    living = PlainFolder()
    other = PlainFolder()
    assert not left[0].exists()
    assert living.path.exists(), "the folder of a living process stays"
    living.remove()
    other.remove()


def test_a_tracking_server_lists_and_neither_seals_nor_opens(
    repo: SealedArtifactRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("abc")
    repo.log_artifact(str(tmp_path / "a.txt"))
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "x")  # as a server's workers have
    assert [f.path for f in repo.list_artifacts()] == ["a.txt"]
    with pytest.raises(MlflowException, match="neither seals nor opens"):
        repo.download_artifacts("a.txt")
    with pytest.raises(MlflowException, match="neither seals nor opens"):
        repo.log_artifact(str(tmp_path / "a.txt"))


def test_a_home_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match="no Strongroom home on this path"):
        get_artifact_repository(f"sealed://{tmp_path}/gone/mlflow")


def test_a_key_service_that_is_gone_is_said_and_nothing_is_lost(
    repo: SealedArtifactRepository, home: Home, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("abc")
    repo.log_artifact(str(tmp_path / "a.txt"))
    kms = home.folder / "kms"
    kms.rename(tmp_path / "away")
    with pytest.raises(MlflowException) as refused:
        repo.download_artifacts("a.txt")
    assert refused.value.error_code == "TEMPORARILY_UNAVAILABLE"
    if kms.exists():
        kms.rmdir()
    (tmp_path / "away").rename(kms)
    assert Path(repo.download_artifacts("a.txt")).read_text() == "abc"


def test_another_passphrase_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Home.open(tmp_path / "home", create=True, passphrase=b"right").close()
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", "wrong")
    repo = get_artifact_repository(f"sealed://{tmp_path}/home/mlflow")
    with pytest.raises(MlflowException, match="passphrase") as refused:
        repo.list_artifacts()
    assert refused.value.error_code == "TEMPORARILY_UNAVAILABLE"
