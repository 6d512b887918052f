"""Constraints that exclude each other are refused, and both are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError
from strongroom.governance.contradictions import Contradiction, contradictions
from strongroom.governance.loader import read_manifest
from strongroom.testing.manifests import GOOD

BOX = {"a": (0.0, 10.0), "b": (0.0, 10.0), "c": (0.0, 10.0)}


def found(*relations: str, ranges=BOX) -> list[tuple[int, int | None]]:
    return [(c.first, c.second) for c in contradictions(relations, ranges)]


@pytest.mark.parametrize(
    ("relations", "which"),
    [
        (["a <= b", "a > b"], [(0, 1)]),
        (["a < b", "b < a"], [(0, 1)]),
        (["a <= b", "b <= a"], []),
        (["a == b + c", "a <= b - 1"], [(0, 1)]),
        (["a == b + c", "a <= b"], []),
        (["a + b <= 4", "a + 2 * b >= 9"], [(0, 1)]),
        (["a + b <= 5", "a + 2 * b >= 9"], []),
        (["a >= 11"], [(0, None)]),
        (["a > 10"], [(0, None)]),
        (["a >= 10"], []),
        (["a / 2 + b >= 16"], [(0, None)]),
        (["a <= b", "c <= a", "c > b"], []),
        (["a * b <= -1", "a <= b"], []),
        (["not a relation", "a / 0 > 1"], []),
        (["a == 3", "a == 4"], [(0, 1)]),
    ],
)
def test_pairs_that_cannot_both_hold_are_found(relations, which):
    assert found(*relations) == which


def test_columns_without_limits_contradict_only_each_other():
    assert found("x <= y", "x >= y + 1", ranges={}) == [(0, 1)]
    assert found("x <= y", "x >= 7", ranges={}) == []


@given(
    st.tuples(*[st.integers(-3, 3)] * 3),
    st.tuples(*[st.integers(-3, 3)] * 3),
    st.tuples(*[st.integers(0, 4)] * 2),
)
def test_what_some_row_keeps_is_never_called_a_contradiction(first, second, row):
    """`row` meets both relations by construction of their right sides."""
    texts = [
        f"{p} * a + {q} * b <= {p * row[0] + q * row[1] + abs(slack)}".replace("<= -", "<= 0 - ")
        for p, q, slack in (first, second)
    ]
    assert found(*texts) == []


def manifest(**schema) -> bytes:
    raw = yaml.safe_load(GOOD)
    raw["data"]["schema"].update(schema)
    return yaml.safe_dump(raw).encode()


def refusal(**schema) -> str:
    with pytest.raises(InputError) as error:
        read_manifest(manifest(**schema), Path("/nowhere"))
    return str(error.value)


FEATURES = [
    {"name": "net", "min": 0, "max": 5, "mutable_by": ["payer"]},
    {"name": "fee", "min": 0, "max": 5},
    {"name": "web", "type": "bool"},
    {"name": "shop", "type": "bool"},
    {"name": "app", "type": "bool", "direction": "up"},
]


def test_a_manifest_with_contradicting_relations_names_both():
    said = refusal(features=FEATURES, relations=["net <= fee", "net > fee + 1"])
    assert "`net <= fee` and `net > fee + 1` cannot both hold" in said


def test_a_relation_outside_its_columns_ranges_is_refused():
    said = refusal(features=FEATURES, relations=["net + fee > 10"])
    assert "`net + fee > 10` and the ranges of its columns" in said


def test_a_step_without_a_value_in_the_range_is_refused():
    odd = [{"name": "net", "min": 0.2, "max": 0.8, "step": 1}]
    assert "step 1 and the range 0.2 to 0.8" in refusal(features=odd, relations=[])


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([["web"]], "two or more"),
        ([["web", "web"]], "two or more"),
        ([["web", "phone"]], "phone is no feature"),
        ([["web", "fee"]], "fee is float, not bool"),
        ([["web", "app"]], "app moves up only"),
        ([["web", "shop"], ["shop", "web"]], "in one_hot[0] and in one_hot[1]"),
    ],
)
def test_one_hot_groups_are_of_bools_and_stand_once(groups, said):
    assert said in refusal(features=FEATURES, relations=[], one_hot=groups)


def test_a_budget_of_somebody_who_can_set_nothing_is_refused():
    said = refusal(features=FEATURES, relations=[], attackers={"mule": {"max_changes": 1}})
    assert "mule has a budget, and no feature is mutable_by mule" in said


def test_budgets_and_groups_that_hold_together_are_accepted():
    made = manifest(
        features=FEATURES,
        relations=["net <= fee + 5"],
        one_hot=[["web", "shop"]],
        attackers={"payer": {"max_changes": 0, "max_cost": 2.5}},
    )
    schema = read_manifest(made, Path("/nowhere")).system.data.schema_
    assert schema.attackers["payer"].max_changes == 0
    assert schema.one_hot == (("web", "shop"),)


def test_the_first_of_two_is_named_first():
    assert list(contradictions(["a < b", "b < a"], {})) == [Contradiction(0, 1)]
