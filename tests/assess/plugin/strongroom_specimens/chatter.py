"""Says more than anybody wants to hear."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check(
    "specimen.chatter",
    version=1,
    title="Says more than anybody wants to hear.",
    needs=("data.test",),
)
def chatter(case, settings):
    for _ in range(100_000):
        yield Finding("specimen.chatter.more", Outcome.PASS, "x" * 10_000)
