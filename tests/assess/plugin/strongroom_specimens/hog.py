"""Takes all the memory that there is."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check("specimen.hog", version=1, title="Takes all the memory that there is.", needs=("data.test",))
def hog(case, settings):
    yield Finding("specimen.hog.before", Outcome.PASS, "said before starving")
    bytearray(1 << 46)
