"""Dies of a native crash."""

import ctypes

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check("specimen.segfault", version=1, title="Dies of a native crash.", needs=("data.test",))
def segfault(case, settings):
    yield Finding("specimen.segfault.before", Outcome.PASS, "said before dying")
    ctypes.string_at(0)
