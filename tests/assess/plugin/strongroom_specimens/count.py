"""Counts the rows, and how often it ran."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome


@check(
    "specimen.count",
    version=1,
    title="Counts the rows, and how often it ran.",
    needs=("data.test",),
)
def count(case, settings):
    for done in range(3):
        case.progress(done, 3)
    yield Finding("specimen.count.done", Outcome.PASS, f"{case.frame('data.test').height} rows")
    yield Metric("rows", 10.0, 8.0, 12.0, case.frame("data.test").height)
    yield Metric.exact("threads", case.threads, 1)
