"""Says something that is no message."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check(
    "specimen.babble", version=1, title="Says something that is no message.", needs=("data.test",)
)
def babble(case, settings):
    yield Finding("specimen.babble.nan", Outcome.PASS, "not a number", facts={"x": float("nan")})
