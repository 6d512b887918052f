"""Never ends, and starts a grandchild that would not either."""

import subprocess
import time

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check(
    "specimen.hang",
    version=1,
    title="Never ends, and starts a grandchild that would not either.",
    needs=("data.test",),
    time_limit=1.5,
)
def hang(case, settings):
    subprocess.Popen(["sleep", "1000"])
    yield Finding("specimen.hang.before", Outcome.PASS, "said before hanging")
    time.sleep(1000)
