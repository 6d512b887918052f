"""Every figure of the white paper can be followed to its run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from strongroom.domain.evidence import Evidence
from strongroom.domain.statement import Statement

RESEARCH = Path(__file__).parents[2] / "docs/research"
PAPER = RESEARCH / "payment-fraud-models-under-attack.md"
RUNS = sorted((RESEARCH / "runs").glob("*.json"))


@pytest.mark.parametrize("path", RUNS, ids=lambda p: p.stem)
def test_a_run_is_whole_evidence_and_cited_by_its_digest(path):
    data = path.read_bytes()
    statement = Statement.parse(data, where=path.name)
    evidence = Evidence.from_statement(statement)
    assert statement.payload() == data
    assert evidence.stopped is None
    assert evidence.environment["seed"] == "7"
    assert path.name == f"{evidence.system}-{evidence.check.name}.json"
    assert hashlib.sha256(data).hexdigest()[:16] in PAPER.read_text("utf-8")


def test_the_paper_says_how_many_runs_it_rests_on():
    assert f"{len(RUNS)} of 90 planned runs" in PAPER.read_text("utf-8")
