"""The committed figures belong to the committed weights."""

import json
from pathlib import Path

import pytest

from strongroom.guard.detectors.injection_model import load
from strongroom.guard.training.evaluate import evaluation, sample_scores, table

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "models/injection"
FIREWALL = ROOT.parent / "shared/data/firewall"
COMMITTED = json.loads((MODEL / "evaluation.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def model():
    return load(MODEL)


def test_committed_scores_come_from_the_committed_weights(model):
    """Every text of the sample kept beside the model scores what evaluation.json says."""
    sample = json.loads((MODEL / "sample.json").read_text("utf-8"))
    assert len(sample) >= 40
    assert sample_scores(model, sample) == pytest.approx(COMMITTED["sample"], abs=0.02)


def test_the_sample_is_mostly_judged_rightly():
    """The unseen lines of our own grammars: few false alarms, most attacks found."""
    sample = json.loads((MODEL / "sample.json").read_text("utf-8"))
    scores = COMMITTED["sample"]
    attacks = [s for row, s in zip(sample, scores, strict=True) if row["attack"]]
    innocent = [s for row, s in zip(sample, scores, strict=True) if not row["attack"]]
    assert sum(s >= 0.5 for s in attacks) >= 0.6 * len(attacks)
    assert sum(s >= 0.5 for s in innocent) <= 0.05 * len(innocent)


def test_the_card_shows_the_committed_figures():
    """README.md holds the table that evaluation.json makes."""
    assert table(COMMITTED) in (MODEL / "README.md").read_text("utf-8")


def test_the_models_stay_small():
    """Everything in models/ together: at most 30 MB; the n-gram model at most 8."""
    files = [path for path in MODEL.rglob("*") if path.is_file() and "build" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 30_000_000
    assert (MODEL / "ngrams.npz").stat().st_size <= 8_000_000


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_bench_gives_the_committed_figures(model):
    """Re-evaluated on the public sets; floors against silent decay."""
    if not FIREWALL.exists():
        pytest.skip("needs ../shared/data/firewall/bench")
    again = evaluation(model, FIREWALL)
    for kind, sets in COMMITTED["flagged"].items():
        for name, levels in sets.items():
            assert again["flagged"][kind][name] == pytest.approx(levels, abs=1.0), (kind, name)
    assert again["flagged"][kind]["banking77"]["balanced"] <= 0.3
