"""Every figure of the white paper can be followed to its run."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from strongroom.domain.evidence import Evidence
from strongroom.domain.statement import Statement

RESEARCH = Path(__file__).parents[2] / "docs/research"
PAPER = (RESEARCH / "payment-fraud-models-under-attack.md").read_text("utf-8")
CITED = re.findall(r"\[`([0-9a-f]{16})…`\]\((runs/[^)]+)\)", PAPER)


@pytest.mark.parametrize(("digest", "name"), CITED, ids=[Path(name).stem for _, name in CITED])
def test_a_run_is_whole_evidence_and_cited_by_its_digest(digest, name):
    data = (RESEARCH / name).read_bytes()
    assert hashlib.sha256(data).hexdigest().startswith(digest)
    statement = Statement.parse(data, where=name)
    evidence = Evidence.from_statement(statement)
    assert statement.payload() == data
    assert evidence.stopped is None
    assert evidence.environment["seed"] == "7"
    assert Path(name).name == f"{evidence.system}-{evidence.check.name}.json"


def test_the_paper_says_how_many_runs_it_rests_on():
    assert f"{len(CITED)} of 90 planned runs" in PAPER
    assert len(CITED) > 20
