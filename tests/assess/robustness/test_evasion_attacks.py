"""robustness.evasion_attacks, on a real model."""

from __future__ import annotations

from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

CHECK = "robustness.evasion_attacks"
FEW = {"max_rows": 40, "queries_per_row": 300}


def declare(workshop, **schema):
    manifest = workshop.manifest
    manifest["data"]["schema"].update(schema)
    workshop.write(manifest)


def test_every_method_has_its_figure_and_together_they_do_no_worse(workshop):
    heard = ask(workshop.load(), CHECK, FEW)
    assert heard.outcome is Outcome.PASS
    methods = ("greedy", "genetic", "label_only", "transfer")
    each = [heard.metrics[f"success[payer,{m}]"].value for m in methods]
    together = heard.metrics["success[payer]"]
    assert together.value >= max(each) > 0
    assert together.low < together.value < together.high
    assert all(0 < heard.metrics[f"queries_per_row[payer,{m}]"].value <= 300 for m in methods)
    curve = heard.curves["robustness[payer]"]
    assert [y for _, y in curve.points] == sorted(y for _, y in curve.points)
    assert curve.points[0] == (0.0, 0.0)
    assert curve.points[-1] == (2.0, together.value)
    facts = heard.findings[0].facts
    assert facts["knowledge"]["label_only"] == "decisions"
    assert {c["column"] for c in facts["changed"]} == {"amount", "hour"}
    assert 0 < len(facts["examples"]) <= 5
    assert {c["column"] for e in facts["examples"] for c in e["changes"]} <= {"amount", "hour"}


def test_the_manifests_budget_of_an_attacker_goes_before_the_settings(workshop):
    declare(workshop, attackers={"payer": {"max_changes": 0}})
    heard = ask(workshop.load(), CHECK, FEW | {"methods": ["greedy", "genetic"]})
    assert heard.metrics["success[payer]"].value == 0
    assert "budget of nothing" in heard.findings[0].message
    assert heard.curves["robustness[payer]"].points == ((0.0, 0.0),)


def test_a_column_that_nothing_bounds_is_named(workshop):
    manifest = workshop.manifest
    manifest["data"]["schema"]["features"][3] = {"name": "risk", "mutable_by": ["payer"]}
    workshop.write(manifest)
    heard = ask(workshop.load(), CHECK, FEW | {"methods": ["greedy"]})
    assert heard.findings[0].facts["unconstrained"] == ["risk"]
    assert "Nothing bounds risk" in heard.findings[0].message


def test_sensitive_columns_are_counted_and_not_described(workshop):
    declare(workshop, sensitive=["hour"])
    facts = ask(workshop.load(), CHECK, FEW | {"methods": ["greedy"]}).findings[0].facts
    (hour,) = (c for c in facts["changed"] if c["column"] == "hour")
    assert set(hour) == {"column", "share"}
    assert all(c["column"] != "hour" for e in facts["examples"] for c in e["changes"])


def test_what_does_not_end_in_time_is_unknown_and_not_counted(workshop):
    heard = ask(workshop.load(), CHECK, FEW | {"seconds": 1e-9})
    assert heard.outcome is Outcome.UNKNOWN
    assert set(heard.rules) == {"out_of_time"}
    assert "success[payer]" not in heard.metrics


def test_without_an_attacker_or_a_detected_fraud_nothing_is_known(workshop):
    assert ask(workshop.load(), CHECK, {"threshold": 1.5}).rules == ("nothing_to_attack",)
    manifest = workshop.manifest
    for feature in manifest["data"]["schema"]["features"]:
        feature.pop("mutable_by", None)
    workshop.write(manifest)
    assert ask(workshop.load(), CHECK).rules == ("no_attacker",)
