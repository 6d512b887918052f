"""Leaves without a word."""

import os

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check("specimen.leave", version=1, title="Leaves without a word.", needs=("data.test",))
def leave(case, settings):
    yield Finding("specimen.leave.before", Outcome.PASS, "said before leaving")
    os._exit(0)
