"""Takes more memory than a small limit allows."""

from strongroom.assess.check import check
from strongroom.domain.evidence import Finding
from strongroom.domain.outcome import Outcome


@check("specimen.gulp", version=1, title="Takes four gigabytes.", needs=("data.test",))
def gulp(case, settings):
    bytearray(4 * 2**30)
    yield Finding("specimen.gulp.done", Outcome.PASS, "there was room")
