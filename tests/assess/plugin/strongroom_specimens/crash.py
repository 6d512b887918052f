"""Raises in the middle, with a secret in the message."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check(
    "specimen.crash",
    version=1,
    title="Raises in the middle, with a secret in the message.",
    needs=("data.test",),
)
def crash(case, settings):
    yield Finding("specimen.crash.before", Outcome.PASS, "said before the crash")
    raise ValueError("4111111111111111")
