"""Leaves half a line on the pipe and sleeps."""

import time

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check(
    "specimen.abandon",
    version=1,
    title="Leaves half a line on the pipe and sleeps.",
    needs=("data.test",),
    time_limit=1.5,
)
def abandon(case, settings):
    yield Finding("specimen.abandon.before", Outcome.PASS, "x" * 100_000)
    time.sleep(1000)
