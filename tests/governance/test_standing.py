"""How a decision stands by a framework."""

import pytest

from strongroom.domain.decision import Reason
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import load_catalog
from strongroom.governance.standing import Standing, outlined, standing


def test_every_item_is_listed_also_those_that_nobody_asks_for() -> None:
    catalog = load_catalog()
    items = {i.id: i for i in standing("owasp_ml_2023", catalog, ())}
    assert [*items] == [f"ML{n:02}:2023" for n in range(1, 11)]
    assert items["ML01:2023"].standing is Standing.NOT_REQUIRED
    assert items["ML08:2023"].standing is Standing.NOT_COVERED


def test_the_worst_requirement_decides_and_a_waiver_is_not_a_pass() -> None:
    catalog = load_catalog()
    passed = Reason("SR-RB-01", Outcome.PASS, "")
    waived = Reason("SR-RB-01", Outcome.FAIL, "", waiver=sha256(b"w"))
    failed = Reason("SR-RB-01", Outcome.FAIL, "")
    for reason, expected in ((passed, "pass"), (waived, "waived"), (failed, "fail")):
        item = standing("owasp_ml_2023", catalog, [reason])[0]
        assert (item.standing, item.requirements) == (expected, ("SR-RB-01",))


@pytest.mark.parametrize("framework", outlined())
def test_what_the_catalog_cites_is_in_the_outline(framework: str) -> None:
    catalog = load_catalog()
    known = {item.id for item in standing(framework, catalog, ())}
    assert catalog.frameworks[framework].cited <= known


def test_an_unknown_framework_is_named_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match="no outline of framework 'x'"):
        standing("x", load_catalog(), ())
