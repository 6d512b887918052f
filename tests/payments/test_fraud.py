"""The two folders that the demo hands in are what they are said to be."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from strongroom.assess.models import open_scorer
from strongroom.assess.tables import feature_matrix, label_vector
from strongroom.domain.errors import InputError
from strongroom.governance.loader import Loaded, load_manifest
from strongroom.payments import train as train_module
from strongroom.payments.features import LABEL_DELAY, with_features
from strongroom.payments.folder import lock_text, split_by_time
from strongroom.payments.fraud import SIMULATION, identity, write_careless, write_mended
from strongroom.payments.simulator import simulate

REPOSITORY = Path(__file__).parents[2]
SMALL = replace(SIMULATION, customers=800, terminals=1_600, seed=3)


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return with_features(simulate(SMALL))


@pytest.fixture(scope="module")
def mended(table: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("mended")
    return load_manifest(write_mended(folder, table, seed=3, who=identity(), trained_by="alice"))


@pytest.fixture(scope="module")
def careless(table: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("careless")
    return load_manifest(write_careless(folder, table, seed=3, who=identity(), trained_by="bob"))


def tables(loaded: Loaded) -> tuple[pl.DataFrame, pl.DataFrame]:
    data = loaded.system.data
    assert data is not None
    return (
        pl.read_parquet(loaded.folder / data.train.path),
        pl.read_parquet(loaded.folder / data.test.path),
    )


def test_the_mended_folder_opens_and_tells_fraud_from_the_rest(mended: Loaded) -> None:
    system = mended.system
    assert system.model is not None
    assert system.data is not None
    features = system.data.schema_.features
    scorer = open_scorer(mended.folder / system.model.path, n_features=len(features))
    _, test = tables(mended)
    scores = scorer.score(feature_matrix(test, features))
    fraud = label_vector(test, "fraud") == 1
    assert scores[fraud].mean() > 10 * scores[~fraud].mean()


def test_the_mended_test_begins_a_label_delay_after_training_ends(mended: Loaded) -> None:
    train, test = tables(mended)
    gap = test["time"].min() - train["time"].max()
    assert LABEL_DELAY <= gap < LABEL_DELAY + timedelta(hours=12)
    assert set(train["tx_id"]).isdisjoint(test["tx_id"])


def test_the_mended_tables_hold_nobodys_card_and_no_later_knowledge(mended: Loaded) -> None:
    for part in tables(mended):
        known = {"card_number", "email", "scenario", "chargeback_days", "terminal_risk_now"}
        assert known.isdisjoint(part.columns)


def test_the_declared_command_makes_the_mended_model_again(mended: Loaded, tmp_path: Path) -> None:
    """In a process of its own, in the manifest's folder, byte for byte."""
    model = mended.system.model
    assert model is not None
    assert model.training is not None
    again = tmp_path / "again.txt"
    words = [word.replace("{output}", str(again)) for word in model.training.command]
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    subprocess.run(words, cwd=mended.folder, env={"PATH": path}, check=True)
    assert again.read_bytes() == (mended.folder / model.path).read_bytes()


def test_the_careless_folder_makes_every_mistake(careless: Loaded) -> None:
    train, test = tables(careless)
    system = careless.system
    assert system.model is not None
    assert system.data is not None
    assert {"card_number", "email"} <= set(train.columns)
    assert not set(train["tx_id"]).isdisjoint(test["tx_id"])
    assert test["time"].min() < train["time"].max()
    read = {feature.name for feature in system.data.schema_.features}
    assert {"chargeback_days", "hour", "channel", "merchant_category"} <= read
    assert system.model.training is None
    assert "sha256" not in (careless.folder / str(system.dependencies)).read_text()


def test_the_same_seed_hands_in_the_same_bytes(
    table: pl.DataFrame, mended: Loaded, tmp_path: Path
) -> None:
    write_mended(tmp_path, table, seed=3, who=identity(), trained_by="alice")
    names = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert len(names) == 5
    for name in names:
        assert (tmp_path / name).read_bytes() == (mended.folder / name).read_bytes()


def test_the_lock_of_the_model_is_part_of_the_lock_of_the_project() -> None:
    """`make lock` moved on without it if this fails: copy the blocks anew."""
    lines = (REPOSITORY / "requirements" / "dev.txt").read_text().splitlines()
    known = {line.rstrip(" \\") for line in lines}
    for line in lock_text().splitlines():
        assert line.rstrip(" \\") in known


def test_too_few_days_are_refused(table: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="days, 74 needed"):
        split_by_time(table, train_days=20, test_days=10)


def test_the_training_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_module.main([str(tmp_path / "none.yaml"), str(tmp_path / "out")]) == 2
    assert "none.yaml" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_manifest_without_training_cannot_be_trained_again(
    careless: Loaded, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="training section"):
        train_module.train(careless, tmp_path / "out")
