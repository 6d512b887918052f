"""Opens what it did not declare."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check("specimen.peek", version=1, title="Opens what it did not declare.", needs=("data.test",))
def peek(case, settings):
    yield Finding("specimen.peek.found", Outcome.PASS, str(case.path("model")))
