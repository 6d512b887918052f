"""Changes the file that it looks at."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check(
    "specimen.meddle", version=1, title="Changes the file that it looks at.", needs=("data.test",)
)
def meddle(case, settings):
    path = case.path("data.test")
    path.write_bytes(path.read_bytes() + b"\n")
    yield Finding("specimen.meddle.done", Outcome.PASS, "all is well")
