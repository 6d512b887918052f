"""Evidence: unknown never passes, and a record cannot say better than its findings."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import (
    CheckId,
    Curve,
    Evidence,
    Finding,
    Metric,
    Threshold,
    threshold_rule,
    tightest,
)
from strongroom.domain.outcome import Outcome, Severity
from strongroom.domain.statement import Statement, Subject

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
CHECK = CheckId("performance.discrimination", 1)
OUTCOMES = st.sampled_from(Outcome)


def evidence(*findings: Finding, **changes) -> Evidence:
    made = Evidence(
        system="card-fraud",
        check=CHECK,
        configuration=sha256(b"settings"),
        subjects=(Subject("model", sha256(b"model")),),
        findings=findings,
        metrics=(Metric("auc", 0.9, 0.88, 0.92, 5000, method="bootstrap 1000"),),
        effective_at=NOW,
        recorded_at=NOW,
        expires_at=NOW + timedelta(days=90),
        curves=(Curve("roc", "FPR", "TPR", ((0.0, 0.0), (1.0, 1.0))),),
        environment={"python": "3.11"},
    )
    return replace(made, **changes)


def finding(outcome: Outcome, rule: str = "performance.discrimination.x") -> Finding:
    return Finding(rule, outcome, "said", Severity.HIGH, references=("CWE-502",))


@given(st.lists(OUTCOMES))
def test_the_worst_finding_decides_and_silence_is_unknown(outcomes):
    said = evidence(*map(finding, outcomes)).outcome
    if Outcome.FAIL in outcomes:
        assert said is Outcome.FAIL
    elif Outcome.UNKNOWN in outcomes or not outcomes:
        assert said is Outcome.UNKNOWN
    else:
        assert said is Outcome.PASS


def test_a_check_that_did_not_end_never_passes():
    said = evidence(finding(Outcome.PASS), stopped="timed out after 60 s")
    assert said.outcome is Outcome.UNKNOWN


@given(st.lists(OUTCOMES, max_size=4), st.none() | st.text(max_size=9))
def test_evidence_survives_the_statement_it_is_signed_as(outcomes, stopped):
    said = evidence(*map(finding, outcomes), stopped=stopped)
    assert Evidence.from_statement(Statement.parse(said.to_statement().payload())) == said


def test_evidence_that_claims_better_than_its_findings_is_refused():
    statement = evidence(finding(Outcome.FAIL)).to_statement()
    forged = replace(statement, predicate={**statement.predicate, "outcome": "pass"})
    with pytest.raises(InputError, match="its findings say fail"):
        Evidence.from_statement(forged)


@pytest.mark.parametrize("field", ["check", "findings", "metrics", "expires_at", "stopped"])
def test_evidence_without_a_field_is_malformed(field):
    statement = evidence(finding(Outcome.PASS)).to_statement()
    predicate = {k: v for k, v in statement.predicate.items() if k != field}
    with pytest.raises(InputError, match=field):
        Evidence.from_statement(replace(statement, predicate=predicate))


@pytest.mark.parametrize("value", ["0.9", None, True])
def test_a_metric_that_is_not_a_number_is_malformed(value):
    statement = evidence().to_statement()
    metric = {**statement.predicate["metrics"][0], "value": value}
    with pytest.raises(InputError, match="not a number"):
        Evidence.from_statement(
            replace(statement, predicate={**statement.predicate, "metrics": [metric]})
        )


@pytest.mark.parametrize(
    ("value", "low", "high"), [(0.5, 0.6, 0.7), (0.8, 0.6, 0.7), (float("nan"), 0.0, 1.0)]
)
def test_a_figure_outside_its_interval_is_not_a_metric(value, low, high):
    with pytest.raises(InputError, match="auc"):
        Metric("auc", value, low, high, 10)


def test_thresholds_of_the_run_are_told_from_what_the_check_said():
    own, added = finding(Outcome.PASS), finding(Outcome.FAIL, threshold_rule(CHECK))
    said = evidence(own, added)
    assert said.outcome is Outcome.FAIL
    assert said.own_findings == (own,)


@pytest.mark.parametrize("text", ["auc", "Data.schema@1", "data.schema", "data.schema@0", "a.b@01"])
def test_a_malformed_check_id_is_refused(text):
    with pytest.raises(InputError, match="check id"):
        CheckId.parse(text)


class TestThreshold:
    auc = Metric("auc", 0.80, 0.75, 0.85, 100)

    @pytest.mark.parametrize(
        ("bound", "outcome"),
        [(0.70, "pass"), (0.75, "pass"), (0.78, "unknown"), (0.80, "unknown"), (0.81, "fail")],
    )
    def test_a_lower_bound_is_met_by_the_lower_end(self, bound, outcome):
        assert Threshold("auc", at_least=bound).judge(self.auc) == outcome

    @pytest.mark.parametrize(
        ("bound", "outcome"), [(0.85, "pass"), (0.84, "unknown"), (0.79, "fail")]
    )
    def test_an_upper_bound_is_met_by_the_upper_end(self, bound, outcome):
        assert Threshold("auc", at_most=bound).judge(self.auc) == outcome

    def test_no_metric_or_no_bound_proves_nothing(self):
        assert Threshold("auc", at_least=0.1).judge(None) is Outcome.UNKNOWN
        assert Threshold("auc").judge(self.auc) is Outcome.UNKNOWN
        assert Threshold("gap[*]", at_most=0.1).judge_all([self.auc]) is Outcome.UNKNOWN

    def test_a_star_binds_every_metric_of_the_family_and_the_worst_counts(self):
        gaps = [Metric.exact(f"tpr_gap[{a}]", v, 9) for a, v in [("sex", 0.01), ("age", 0.3)]]
        threshold = Threshold("tpr_gap[*]", at_most=0.1)
        assert [m.name for m in threshold.among([*gaps, self.auc])] == [g.name for g in gaps]
        assert threshold.judge_all(gaps) is Outcome.FAIL
        assert threshold.judge_all(gaps[:1]) is Outcome.PASS

    @given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
    def test_the_tightest_bound_passes_only_what_every_bound_passes(self, a, b, value, spread):
        metric = Metric("auc", value, value - spread, value + spread, 10)
        bounds = [Threshold("auc", at_least=a), Threshold("auc", at_least=b, at_most=1.5)]
        both = all(t.judge(metric) is Outcome.PASS for t in bounds)
        assert (tightest(bounds).judge(metric) is Outcome.PASS) == both


def test_a_statement_of_another_type_is_refused():
    raw = parse_json(evidence().to_statement().payload(), where="x")
    raw["_type"] = "https://in-toto.io/Statement/v0.1"
    with pytest.raises(InputError, match="in-toto v1"):
        Statement.parse(canonical(raw))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_statement_or_an_input_error(data):
    with suppress(InputError):
        Statement.parse(data)
