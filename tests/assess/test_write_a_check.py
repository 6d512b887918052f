"""The check in `docs/write-a-check.md` does what the page says."""

import importlib.util
import re
import sys
from pathlib import Path

import polars as pl

from strongroom.assess.case import Case
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "write-a-check.md"


def spec_of_the_page(folder):
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[1]
    path = folder / "night_shift.py"
    path.write_text(code, "utf-8")
    module_spec = importlib.util.spec_from_file_location("night_shift_of_the_page", path)
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module.__name__] = module
    module_spec.loader.exec_module(module)
    return module.night_shift


def said_about(workshop, spec):
    case = Case(workshop.load(), 0, spec.needs)
    return list(spec.run(case, spec.configure({})))


def test_the_pages_check_runs_and_finds_a_shift(workshop, tmp_path):
    spec = spec_of_the_page(tmp_path)
    assert "twice" in spec.doc or "doubled" in spec.doc
    metric, finding = said_about(workshop, spec)
    assert isinstance(metric, Metric)
    assert finding.outcome is Outcome.PASS
    workshop.put("test", workshop.frame("test").with_columns(hour=pl.lit(3)))
    _, finding = said_about(workshop, spec)
    assert isinstance(finding, Finding)
    assert finding.outcome is Outcome.FAIL
