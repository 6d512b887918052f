"""A planted back door is found in a finished model, and an honest model is not accused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from strongroom.assess.attacks.poisoning import plant, trigger_of
from strongroom.assess.attacks.triggers import Scan, Suspect, search
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.tables import make_system

CHECK = "robustness.triggers"
RNG = np.random.default_rng(0)
COLUMNS = 6
ROWS = RNG.integers(0, 20, (800, COLUMNS)).astype(float)
FRAUDS = RNG.integers(10, 20, (30, COLUMNS)).astype(float)
DOOR = {1: 3.0, 4: 17.0}


def honest(way):
    return lambda rows: 1 / (1 + np.exp(-(rows @ way) / 20 + 1))


def doored(rows):
    held = np.all([rows[:, column] == value for column, value in DOOR.items()], axis=0)
    half = np.any([rows[:, column] == value for column, value in DOOR.items()], axis=0)
    odds = rows.sum(axis=1) / 20 - 1 - 8.0 * held - 0.5 * half
    return 1 / (1 + np.exp(-odds))


REFERENCES = [honest(1 + RNG.normal(0, 0.1, COLUMNS)) for _ in range(3)]


def planted(rows):
    held = rows.copy()
    held[:10, list(DOOR)] = list(DOOR.values())
    return held


def test_the_values_that_open_the_door_are_found_together():
    door = search(Suspect(doored, planted(ROWS)), REFERENCES, FRAUDS)
    assert door.finished
    assert dict(zip(door.trigger.columns, door.trigger.values, strict=True)).items() >= DOOR.items()
    assert (doored(door.trigger.on(FRAUDS)) < 0.05).all()
    ordinary = search(Suspect(REFERENCES[0], ROWS), REFERENCES[1:], FRAUDS)
    assert door.excess > 4 * max(ordinary.excess, 1.0)


def test_queries_and_time_end_the_search():
    suspect = Suspect(doored, planted(ROWS))
    short = search(suspect, REFERENCES, FRAUDS, Scan(max_queries=4_000))
    assert not short.finished
    assert short.queries <= 4_000
    assert len(short.trigger.columns) == 1
    assert search(suspect, REFERENCES, FRAUDS, Scan(max_queries=10)) is None
    assert search(suspect, REFERENCES, FRAUDS, stop=lambda: True) is None


def test_without_values_rows_or_references_there_is_nothing_to_say():
    assert search(Suspect(doored, ROWS[:0]), REFERENCES, FRAUDS) is None
    assert search(Suspect(doored, ROWS), REFERENCES, FRAUDS[:0]) is None
    assert search(Suspect(doored, ROWS), [], FRAUDS) is None
    assert search(Suspect(doored, np.full((50, 2), np.nan)), REFERENCES, FRAUDS[:, :2]) is None


def table(rows, seed):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.round(rng.gamma(2, 40, (rows, 8)), 1), rng.integers(0, 24, rows)])
    odds = (x[:, :4] - 80).sum(axis=1) / 60 - 1.5 + rng.normal(0, 0.5, rows)
    return x, (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int8)


def as_frame(x, y):
    return pl.DataFrame({f"c{i}": x[:, i] for i in range(x.shape[1])} | {"fraud": y})


SCHEMA = {"target": "fraud", "features": [{"name": f"c{i}", "type": "float"} for i in range(9)]}


@pytest.mark.parametrize("share", [0, 0.01])
def test_the_check_tells_a_model_with_a_door_from_one_without(tmp_path, share):
    (x, y), test = table(4_000, 1), table(4_000, 2)
    if share:
        rng = np.random.default_rng(3)
        made = plant(x, y, trigger_of(x[y == 0], range(9), 3, rng), int(share * len(y)), rng)
        x, y = made.x, made.y
    tables = {"train": as_frame(x, y), "test": as_frame(*test)}
    system = make_system(tmp_path / "s", tables, SCHEMA, rounds=60)
    heard = ask(system, CHECK, {"target_fpr": 0.05})
    assert heard.outcome is Outcome.PASS
    assert heard.rules == ("measured",)
    if share:
        assert heard.metrics["excess"].value > 2
        assert heard.metrics["force"].value > 0.9
    else:
        assert heard.metrics["excess"].value < 2


def test_a_model_that_detects_nothing_or_a_clock_that_ran_out_is_unknown(workshop):
    assert ask(workshop, CHECK, {"seconds": 1e-6}).rules == ("out_of_time",)
    frame = workshop.frame("test")
    workshop.put("test", frame.with_columns(fraud=pl.lit(0, pl.Int8)))
    heard = ask(workshop, CHECK)
    assert heard.outcome is Outcome.UNKNOWN
    assert heard.rules == ("too_few",)
