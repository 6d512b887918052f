"""docs/fairness.md names every setting and figure of its checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.assess.check import load_check
from strongroom.testing.cases import ask

PAGE = (Path(__file__).parents[3] / "docs" / "fairness.md").read_text("utf-8")
CHECKS = ("intersections", "costs", "calibration", "drift", "explanations")


@pytest.mark.parametrize("name", [f"fairness.{check}" for check in CHECKS])
def test_every_setting_and_figure_is_documented(workshop, name):
    assert f"`{name}`" in PAGE
    manifest = workshop.manifest
    manifest["data"]["schema"]["sensitive"] = ["sex", "hour"]
    workshop.write(manifest)
    fields = load_check(name).settings.model_fields
    for setting in fields:
        assert f"`{setting}`" in PAGE, setting
    quick = {"flag_share": 0.1, "replicates": 100, "rows": 30, "retrained": 1}
    settings = {key: value for key, value in quick.items() if key in fields}
    for metric in ask(workshop, name, settings).metrics:
        stem = metric.partition("[")[0]
        assert f"`{stem}" in PAGE, metric
