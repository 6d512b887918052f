"""Says nothing."""

from strongroom.assess.check import check


@check("specimen.silent", version=1, title="Says nothing.", needs=("data.test",))
def silent(case, settings):
    yield from ()
