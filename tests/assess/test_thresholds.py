import pytest

from strongroom.assess.thresholds import figure, judged
from strongroom.domain.evidence import CheckId, Metric, Threshold
from strongroom.domain.outcome import Outcome

CHECK = CheckId("fairness.groups", 1)


def judge(threshold, *metrics):
    (finding,) = judged(CHECK, [threshold], metrics)
    return finding


@pytest.mark.parametrize(
    ("low", "value", "high", "outcome", "words"),
    [
        (0.7, 0.8, 0.9, Outcome.PASS, "auc 0.8 [0.7, 0.9] meets ≥ 0.7"),
        (0.6, 0.8, 0.9, Outcome.UNKNOWN, "too wide an interval"),
        (0.5, 0.6, 0.9, Outcome.FAIL, "does not meet ≥ 0.7"),
    ],
)
def test_a_bound_is_met_by_the_bad_end(low, value, high, outcome, words):
    finding = judge(Threshold("auc", at_least=0.7), Metric("auc", value, low, high, 10))
    assert finding.outcome is outcome
    assert words in finding.message
    assert finding.rule == "fairness.groups.threshold"


def test_a_pattern_is_judged_by_its_worst_metric_and_names_it():
    finding = judge(
        Threshold("tpr_gap[*]", at_most=0.2),
        Metric.exact("tpr_gap[sex]", 0.1, 5),
        Metric.exact("tpr_gap[age]", 0.3, 5),
        Metric.exact("other", 9.0, 5),
    )
    assert finding.outcome is Outcome.FAIL
    assert finding.facts["metrics"] == ["tpr_gap[age]"]
    assert "sex" not in finding.message


def test_a_metric_that_was_not_measured_proves_nothing():
    finding = judge(Threshold("auc", at_least=0.7))
    assert finding.outcome is Outcome.UNKNOWN
    assert finding.message == "auc was not measured, required ≥ 0.7"


def test_counted_figures_are_printed_without_an_interval():
    assert figure(Metric.exact("rows", 1500, 1500)) == "rows 1500"
