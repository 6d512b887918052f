"""Nets in the checks: attacked by their gradients too, and made again by their description."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import InputError
from strongroom.testing.cases import ask

pytest.importorskip("torch", reason="needs `make torch`")

from strongroom.testing.nets import put_net

CHECK = "robustness.evasion_attacks"
FEW = {"max_rows": 40, "queries_per_row": 300}


@pytest.fixture
def net_system(workshop):
    put_net(workshop)
    return workshop


def test_a_net_is_attacked_by_its_gradient_with_fewer_queries_than_by_its_scores(net_system):
    heard = ask(net_system, CHECK, FEW | {"target_fpr": 0.05})
    assert heard.rules == ("measured",)
    gradient, greedy = (heard.metrics[f"success[payer,{m}]"].value for m in ("gradient", "greedy"))
    assert 0 < greedy <= gradient + 0.1
    queries = [heard.metrics[f"queries_per_row[payer,{m}]"].value for m in ("gradient", "greedy")]
    assert queries[0] < queries[1]
    assert heard.findings[0].facts["knowledge"]["gradient"] == "the net itself"


def test_a_model_without_gradients_is_not_attacked_by_them(workshop):
    assert not any("gradient" in name for name in ask(workshop, CHECK, FEW).metrics)
    with pytest.raises(InputError, match="gives none"):
        ask(workshop, CHECK, FEW | {"methods": ["gradient"]})


def test_a_net_is_made_again_by_its_description(net_system):
    settings = {"shares": [0.01], "triggers": 1, "max_rows": 400}
    heard = ask(net_system, "robustness.poisoning_swallowed", settings)
    assert "the net as described" in heard.findings[-1].message
