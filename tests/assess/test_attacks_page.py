"""docs/attacks.md names every setting and figure of the three checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.assess.check import load_check
from strongroom.testing.cases import ask

PAGE = (Path(__file__).parents[2] / "docs" / "attacks.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "robustness.evasion_budget",
        "robustness.evasion_attacks",
        "privacy.membership",
        "fairness.groups",
    ],
)
def test_every_setting_and_figure_is_documented(workshop, name):
    assert f"`{name}`" in PAGE
    for setting in load_check(name).settings.model_fields:
        assert f"`{setting}`" in PAGE, setting
    settings = {"shadows": 4, "replicates": 100} if name == "privacy.membership" else {}
    for metric in ask(workshop.load(), name, settings).metrics:
        stem = metric.partition("[")[0]
        assert f"`{stem}" in PAGE, metric
