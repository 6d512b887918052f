"""`strongroom diff` over a home with two sealed versions: what was measured is compared too."""

import json
from datetime import timedelta

from typer.testing import CliRunner

from strongroom.cli.diff import app
from strongroom.domain.decision import Stage
from strongroom.domain.digests import sha256
from strongroom.domain.evidence import CheckId, Evidence, Metric
from strongroom.governance.artifacts import subjects_of
from strongroom.home.home import Home
from strongroom.registry.registry import Registry
from strongroom.testing.releases import decide, make_release


def seal(home, loaded, auc):
    """Measure, decide and promote; the version's digest."""
    now = home.clock()
    evidence = Evidence(
        system="fraud",
        check=CheckId("performance.discrimination", 1),
        configuration=sha256(b"settings"),
        subjects=subjects_of(loaded),
        findings=(),
        metrics=(Metric("auc", auc, auc - 0.01, auc + 0.01, 1000),),
        effective_at=now,
        recorded_at=now,
        expires_at=now + timedelta(days=30),
    )
    home.record(evidence.to_statement(), "assessor")
    decide(home, loaded, Stage.DEVELOPMENT)
    return str(Registry(home).promote(loaded, Stage.DEVELOPMENT).version)


def test_two_sealed_versions_are_compared_with_their_figures(tmp_path):
    with Home.open(tmp_path / "home", create=True) as home:
        older = seal(home, make_release(tmp_path / "a"), 0.90)
        newer = seal(home, make_release(tmp_path / "b", b"a better model"), 0.95)
    words = (older, newer, "--home", str(tmp_path / "home"))
    told = CliRunner().invoke(app, [*words, "--format", "json"])
    assert told.exit_code == 0, told.output
    changes = {(c["area"], c["what"]): c for c in json.loads(told.stdout)["changes"]}
    assert changes["metrics", "performance.discrimination/auc"]["kind"] == "higher"
    assert ("artifacts", "model") in changes
    assert ("artifacts", "data.train") not in changes
    text = CliRunner().invoke(app, list(words)).stdout
    assert "performance.discrimination/auc: 0.9 [0.89, 0.91] → 0.95 [0.94, 0.96] (higher)" in text


def test_a_version_compared_with_itself_is_the_same(tmp_path):
    with Home.open(tmp_path / "home", create=True) as home:
        version = seal(home, make_release(tmp_path / "a"), 0.90)
    told = CliRunner().invoke(app, [version, version, "--home", str(tmp_path / "home")])
    assert "are the same" in told.stdout
