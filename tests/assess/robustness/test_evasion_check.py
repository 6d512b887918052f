"""robustness.evasion_budget, on a real model."""

from __future__ import annotations

import polars as pl
import pytest

from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask
from strongroom.testing.systems import Workshop

CHECK = "robustness.evasion_budget"


def declare(workshop: Workshop, change) -> None:
    """Apply `change` to the features by name, and to the schema."""
    manifest = workshop.manifest
    schema = manifest["data"]["schema"]
    change({f["name"]: f for f in schema["features"]}, schema)
    workshop.write(manifest)


def test_success_grows_with_the_budget_and_every_figure_has_an_interval(workshop):
    heard = ask(workshop.load(), CHECK, {"max_changes": 2, "curve_changes": 3})
    one, two = heard.metrics["success[payer,1]"], heard.metrics["success[payer,2]"]
    assert heard.outcome is Outcome.PASS
    assert 0 < one.value < two.value == heard.metrics["success[payer]"].value
    assert heard.metrics["success[payer,amount]"].value <= one.value
    assert one.low < one.value < one.high
    assert one.n == min(400, round(heard.metrics["detected"].value * heard.metrics["detected"].n))
    assert heard.metrics["queries_per_row[payer]"].value > 10
    points = [y for _, y in heard.curves["robustness[payer]"].points]
    assert points == sorted(points)
    assert points[0] == 0.0
    assert points[2] == two.value
    assert len(heard.curves["robustness[payer]"].band) == 4
    facts = heard.findings[0].facts
    assert facts["columns"] == ["amount", "hour"]
    assert facts["amounts"] == ["amount"]
    assert {c["column"] for c in facts["changed_most"]} == {"amount", "hour"}


def test_the_same_seed_gives_the_same_figures_and_another_seed_other_rows(workshop):
    few = {"max_rows": 10}
    first = ask(workshop.load(), CHECK, few)
    assert ask(workshop.load(), CHECK, few) == first
    assert ask(workshop.load(), CHECK, few, seed=1) != first


def test_an_amount_that_may_not_move_far_protects(workshop):
    def only_amount(features, schema):
        del features["hour"]["mutable_by"]

    declare(workshop, only_amount)
    near = ask(workshop.load(), CHECK, {"amount_change": 0.02})
    far = ask(workshop.load(), CHECK, {"amount_change": None})
    assert near.metrics["success[payer]"].value < far.metrics["success[payer]"].value
    assert "success[payer,amount]" not in far.metrics


def test_each_profile_is_measured_with_what_it_can_set(workshop):
    def insider(features, schema):
        for feature in features.values():
            feature["mutable_by"] = [*feature.get("mutable_by", []), "insider"]

    declare(workshop, insider)
    heard = ask(workshop.load(), CHECK)
    assert heard.metrics["success[insider]"].value > heard.metrics["success[payer]"].value
    asked = ask(workshop.load(), CHECK, {"profiles": ["payer"]})
    assert "success[insider]" not in asked.metrics


def test_a_cost_budget_holds(workshop):
    def dear(features, schema):
        features["hour"]["cost"] = 10

    declare(workshop, dear)
    heard = ask(workshop.load(), CHECK, {"max_cost": 5})
    assert [c["column"] for c in heard.findings[0].facts["changed_most"]] == ["amount"]


def test_without_a_mutable_feature_nothing_is_known(workshop):
    def frozen(features, schema):
        for feature in features.values():
            feature.pop("mutable_by", None)

    declare(workshop, frozen)
    heard = ask(workshop.load(), CHECK)
    assert (heard.outcome, heard.rules) == (Outcome.UNKNOWN, ("no_attacker",))


def test_a_model_that_detects_nothing_is_not_called_robust(workshop):
    heard = ask(workshop.load(), CHECK, {"threshold": 1.5})
    assert (heard.outcome, heard.rules) == (Outcome.UNKNOWN, ("nothing_to_attack",))
    assert not heard.metrics


def test_one_class_only_is_unknown_or_a_clear_error(workshop):
    workshop.put("test", workshop.frame("test").with_columns(fraud=pl.lit(0)))
    assert ask(workshop.load(), CHECK).outcome is Outcome.UNKNOWN
    workshop.put("test", workshop.frame("test").with_columns(fraud=pl.lit(1)))
    with pytest.raises(InputError, match="negatives"):
        ask(workshop.load(), CHECK)


def test_out_of_time_is_unknown(workshop):
    heard = ask(workshop.load(), CHECK, {"seconds": 1e-9})
    assert (heard.outcome, heard.rules) == (Outcome.UNKNOWN, ("out_of_time",))


def test_relations_that_real_rows_break_make_it_unknown(workshop):
    def impossible(features, schema):
        schema["relations"] = ["amount <= hour"]

    declare(workshop, impossible)
    heard = ask(workshop.load(), CHECK)
    assert (heard.outcome, heard.rules) == (Outcome.UNKNOWN, ("relations",))


def test_relations_bind_the_attacker(workshop):
    """Where the hour is tied to a column that he cannot set, he cannot set it either."""
    for name in ("train", "test"):
        frame = workshop.frame(name)
        workshop.put(name, frame.with_columns(count_1d=pl.col("hour")))

    def tied(features, schema):
        schema["relations"] = ["hour == count_1d"]

    free = ask(workshop.load(), CHECK)
    declare(workshop, tied)
    bound = ask(workshop.load(), CHECK)
    assert {c["column"] for c in free.findings[0].facts["changed_most"]} == {"amount", "hour"}
    assert {c["column"] for c in bound.findings[0].facts["changed_most"]} == {"amount"}
    assert bound.metrics["success[payer]"].value < free.metrics["success[payer]"].value


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"max_changes": 0}, "max_changes"),
        ({"max_rows": 0}, "max_rows"),
        ({"seconds": -1}, "seconds"),
        ({"amounts": ["sex"]}, "amounts"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_senseless_setting_is_named(workshop, settings, where):
    with pytest.raises(InputError) as error:
        ask(workshop.load(), CHECK, settings)
    assert where in str(error.value)
