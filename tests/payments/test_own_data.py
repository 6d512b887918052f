"""The demo's story on a table of the user's own, sound or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from strongroom.assess.measures.ranking import auc, rank
from strongroom.assess.models import open_scorer
from strongroom.assess.tables import feature_matrix, label_vector
from strongroom.domain.errors import InputError
from strongroom.governance.loader import load_manifest
from strongroom.payments.own_data import read_own_data, write_careless, write_mended

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
SHARED = REPOSITORY.parent / "shared" / "data" / "tabular"
SYSTEM = {
    "name": "own",
    "owner": "Somebody",
    "purpose": "Score",
    "kind": "ml_model",
    "criticality": "low",
    "jurisdictions": ["CH"],
    "entity_type": "bank",
}


def declared(**schema: object) -> dict[str, object]:
    sets = {
        name: {"path": f"{name}.csv", "classification": "internal"} for name in ("train", "test")
    }
    features = [
        {"name": "amount", "min": 0, "step": 0.01, "mutable_by": ["payer"]},
        {"name": "risk"},
    ]
    known = {"target": "fraud", "features": features, **schema}
    model = {"path": "none-yet.txt", "trained_by": "carol"}
    data = {**sets, "schema": known}
    return {"version": 1, "system": SYSTEM, "model": model, "data": data}


def frame(n: int = 2_000) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    risk = rng.random(n)
    return pl.DataFrame(
        {
            "amount": (rng.random(n) * 100).round(2),
            "risk": risk,
            "second": rng.permutation(n),
            "card": rng.integers(0, 50, n),
            "fraud": (risk + rng.normal(0, 0.1, n) > 0.9).astype(np.int64),
        }
    )


def given(tmp_path: Path, rows: pl.DataFrame, **schema: object) -> tuple[Path, Path]:
    table, manifest = tmp_path / "mine.csv", tmp_path / "mine.yaml"
    rows.write_csv(table)
    manifest.write_text(yaml.safe_dump(declared(**schema)))
    return table, manifest


def both(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    return (
        pl.read_parquet(folder / "data" / "train.parquet"),
        pl.read_parquet(folder / "data" / "test.parquet"),
    )


def test_both_folders_hold_a_model_that_opens(tmp_path: Path) -> None:
    own = read_own_data(*given(tmp_path, frame()))
    for name, write in (("careless", write_careless), ("mended", write_mended)):
        loaded = load_manifest(write(tmp_path / name, own, seed=1))
        model = loaded.system.model
        assert model is not None
        assert model.trained_by == "carol"
        assert open_scorer(loaded.folder / model.path, n_features=2).n_features == 2


def test_the_careless_test_rows_were_seen_in_training(tmp_path: Path) -> None:
    own = read_own_data(*given(tmp_path, frame()))
    train, test = both(write_careless(tmp_path / "c", own, seed=1).parent)
    assert not train.join(test, on=train.columns, how="inner").is_empty()


def test_the_mended_test_is_later_than_training(tmp_path: Path) -> None:
    own = read_own_data(*given(tmp_path, frame(), time="second"))
    train, test = both(write_mended(tmp_path / "m", own, seed=1).parent)
    assert train["second"].max() < test["second"].min()
    assert len(test) == pytest.approx(600, abs=5)


def test_without_a_time_no_card_is_on_both_sides(tmp_path: Path) -> None:
    own = read_own_data(*given(tmp_path, frame(), entity="card"))
    train, test = both(write_mended(tmp_path / "m", own, seed=1).parent)
    assert set(train["card"]).isdisjoint(test["card"])


def test_without_time_and_entity_no_row_is_on_both_sides(tmp_path: Path) -> None:
    doubled = pl.concat([frame(), frame()])
    own = read_own_data(*given(tmp_path, doubled))
    train, test = both(write_mended(tmp_path / "m", own, seed=1).parent)
    assert train.join(test, on=train.columns, how="inner").is_empty()
    assert len(train) + len(test) == 2_000


def test_rows_with_the_same_features_are_on_the_same_side(tmp_path: Path) -> None:
    """Two customers of the same figures are one row to the model, whatever their numbers are."""
    doubled = pl.concat([frame(), frame()]).with_row_index("number")
    own = read_own_data(*given(tmp_path, doubled, id="number"))
    train, test = both(write_mended(tmp_path / "m", own, seed=1).parent)
    assert train.join(test, on=["amount", "risk"], how="inner").is_empty()
    assert len(train) + len(test) == 4_000


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (frame().drop("risk"), "no column risk"),
        (frame().with_columns(fraud=pl.lit(0)), "0 rows of the flagged class"),
        (frame().with_columns(fraud=pl.lit(1)), "rows of the flagged class"),
        (frame().head(0), "not 0 and 1"),
        (frame().with_columns(fraud=pl.col("fraud") * 2), "neither 0 nor 1"),
        (frame().with_columns(fraud=pl.lit("no")), "not 0 and 1"),
        (
            frame().with_columns(fraud=pl.when(pl.col("card") > 0).then(pl.col("fraud"))),
            "the target fraud is missing",
        ),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_refused(
    tmp_path: Path, rows: pl.DataFrame, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_own_data(*given(tmp_path, rows))


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (pl.lit("yesterday"), "the time second holds String"),
        (pl.when(pl.col("card") > 0).then(pl.col("second")), "the time second is missing"),
    ],
)
def test_a_time_that_rows_cannot_be_put_in_order_by_is_refused(
    tmp_path: Path, time: pl.Expr, message: str
) -> None:
    rows = frame().with_columns(second=time)
    with pytest.raises(InputError, match=message):
        read_own_data(*given(tmp_path, rows, time="second"))


def test_a_target_of_true_and_false_will_do(tmp_path: Path) -> None:
    own = read_own_data(*given(tmp_path, frame().with_columns(pl.col("fraud").cast(pl.Boolean))))
    for name, write in (("careless", write_careless), ("mended", write_mended)):
        assert load_manifest(write(tmp_path / name, own, seed=1)).system.model is not None


def test_a_split_that_leaves_one_side_without_frauds_is_refused(tmp_path: Path) -> None:
    rows = frame().sort("fraud").with_row_index("late")
    own = read_own_data(*given(tmp_path, rows, time="late"))
    with pytest.raises(InputError, match="one side of the split"):
        write_mended(tmp_path / "m", own, seed=1)


@pytest.mark.parametrize("name", ["creditcard_ulb", "taiwan_default"])
def test_the_example_manifests_hold_together(name: str) -> None:
    assert load_manifest(EXAMPLES / f"{name}.yaml").system.data is not None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("creditcard_ulb", 0.95), ("taiwan_default", 0.75)])
def test_real_tables_give_models_worth_having(tmp_path: Path, name: str, least: float) -> None:
    """Real cards, real credit: the mended model ranks as well as published ones do."""
    table = SHARED / f"{name}.parquet"
    if not table.exists():
        pytest.skip(f"needs ../shared/data/tabular/{table.name}")
    own = read_own_data(table, EXAMPLES / f"{name}.yaml")
    loaded = load_manifest(write_mended(tmp_path, own, seed=7))
    schema = own.data.schema_
    scorer = open_scorer(tmp_path / "model.txt", n_features=len(schema.features))
    _, test = both(loaded.folder)
    scores = scorer.score(feature_matrix(test, schema.features))
    ranking = rank(label_vector(test, schema.target), scores)
    assert auc(ranking.positives, ranking.negatives) > least
