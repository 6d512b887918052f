"""Catalog and checks speak of the same figures: a bound on a name nobody says never passes."""

import pytest

from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded
from strongroom.testing.cases import ask
from strongroom.testing.systems import make_workshop

NOT_HERE = {
    "fairness.intersections hidden_gap[*]": "the small system has no pair of sensitive columns",
    "llm.guard_recall": "the small system is no text classifier; its own tests bind these figures",
    "supply_chain.advisories": "the small system has no home; its own tests bind these figures",
    "operations.reproducible": "the small system states no training command",
    "performance.discrimination card_precision@100": "the small system has fewer than 100 cards",
}
SLOW = {"privacy.membership", "supply_chain.dependencies"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return make_workshop(tmp_path_factory.mktemp("shop")).load()


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in load_catalog().checks
        if name not in NOT_HERE
    ],
)
def test_each_bounded_figure_is_measured_by_its_check(check: str, system: Loaded) -> None:
    heard = ask(system, check)
    assert heard.findings
    for requirement in load_catalog().requirements:
        for need in requirement.needs:
            for threshold in need.thresholds if need.check.name == check else ():
                if f"{check} {threshold.metric}" not in NOT_HERE:
                    assert threshold.among(heard.metrics.values()), (requirement.id, threshold)
