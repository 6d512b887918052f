"""Two versions are compared in words: nothing is told of what is the same."""

from dataclasses import replace

import pytest

from strongroom.domain.digests import sha256
from strongroom.domain.evidence import Metric
from strongroom.report.changes import Facts, Kind, compare
from strongroom.testing.releases import make_release


@pytest.fixture
def facts(tmp_path):
    system = make_release(tmp_path / "system").system
    auc = {"performance.discrimination/auc": Metric("auc", 0.9, 0.88, 0.92, 100)}
    return Facts(
        "a", system, {"model": sha256(b"a")}, {"numpy": "2.4.6"}, auc, {}, None, frozenset()
    )


def test_the_same_twice_has_no_changes(facts):
    assert compare(facts, replace(facts, name="b")) == ()


def test_what_is_new_gone_and_other_is_told(facts):
    other = replace(
        facts,
        artifacts={"model": sha256(b"b")},
        packages={"polars": "2.1.0"},
        approvals=frozenset({"bob for production"}),
    )
    told = {(c.area, c.what): c.kind for c in compare(facts, other)}
    assert told == {
        ("artifacts", "model"): Kind.CHANGED,
        ("dependencies", "numpy"): Kind.REMOVED,
        ("dependencies", "polars"): Kind.ADDED,
        ("approvals", "bob for production"): Kind.ADDED,
    }


@pytest.mark.parametrize(
    ("value", "kind"), [(0.91, Kind.NOISE), (0.99, Kind.HIGHER), (0.7, Kind.LOWER)]
)
def test_a_figure_moves_only_when_intervals_part(facts, value, kind):
    moved = {"performance.discrimination/auc": Metric("auc", value, value - 0.02, value, 100)}
    (change,) = compare(facts, replace(facts, metrics=moved))
    assert change.kind is kind
