"""The two supply-chain checks on a small real system."""

import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from strongroom.assess.case import Case
from strongroom.assess.check import load_check
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome
from strongroom.testing.systems import make_workshop

LOCKED = (
    "numpy==2.4.6 \\\n    --hash=sha256:"
    + "0" * 64
    + "\nScikit_Learn==1.7.2 --hash=sha256:"
    + "1" * 64
)


def said(workshop, name):
    """Metrics by name, and findings."""
    spec = load_check(name)
    case = Case(workshop.load(), 7, spec.needs + spec.wants)
    out = list(spec.run(case, spec.configure({})))
    metrics = {m.name: m.value for m in out if isinstance(m, Metric)}
    return metrics, [f for f in out if isinstance(f, Finding)]


@pytest.fixture
def workshop(tmp_path):
    return make_workshop(tmp_path, rows=200)


def use_model(workshop, name):
    manifest = workshop.manifest
    manifest["model"]["path"] = name
    workshop.write(manifest)


def test_a_lightgbm_text_model_is_data_only(workshop):
    metrics, findings = said(workshop, "supply_chain.artifact_format")
    assert metrics == {"blocked": 0, "review": 0, "files": 1}
    assert {f.outcome for f in findings} == {Outcome.PASS}


def test_a_joblib_model_fails_even_where_every_symbol_was_reviewed(workshop):
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    joblib.dump(model, workshop.folder / "model.joblib")
    use_model(workshop, "model.joblib")
    metrics, findings = said(workshop, "supply_chain.artifact_format")
    assert (metrics["blocked"], metrics["review"]) == (0, 1)
    assert [f.rule for f in findings] == ["supply_chain.artifact_format.can_hold_code"]
    assert findings[0].outcome is Outcome.FAIL
    assert "ONNX" in findings[0].fix


def test_a_pickle_with_code_is_blocked_and_shows_the_call(workshop):
    (workshop.folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    use_model(workshop, "model.pkl")
    metrics, findings = said(workshop, "supply_chain.artifact_format")
    assert metrics["blocked"] == 1
    assert any("system('true')" in f.facts.get("call", "") for f in findings)


def test_dependencies_pinned_by_version_and_hash_pass(workshop):
    declare(workshop, LOCKED)
    metrics, findings = said(workshop, "supply_chain.dependencies")
    assert metrics == {"packages": 2, "missing_hashes": 0, "unpinned": 0}
    assert {f.outcome for f in findings} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("numpy==2.4.6", "no_hash"),
        ("numpy>=2 --hash=sha256:" + "0" * 64, "no_version"),
        ("numpy==2.* --hash=sha256:" + "0" * 64, "no_version"),
        ("numpy==2.4.6 --hash=md5:" + "0" * 32, "no_hash"),
        ("-e git+https://example.org/x.git", "no_hash"),
        (LOCKED + "\n--extra-index-url https://example.org/simple", "second_source"),
        (LOCKED + "\n-r more.txt", "included_file"),
    ],
)
def test_what_is_not_pinned_fails(workshop, text, rule):
    declare(workshop, text)
    _, findings = said(workshop, "supply_chain.dependencies")
    failed = {f.rule.rpartition(".")[2] for f in findings if f.outcome is Outcome.FAIL}
    assert rule in failed


def test_a_system_without_dependencies_has_a_bill_all_the_same(workshop):
    metrics, findings = said(workshop, "supply_chain.dependencies")
    assert metrics["missing_hashes"] == 0
    assert any(f.rule.endswith(".bom") and f.outcome is Outcome.PASS for f in findings)


def declare(workshop, text):
    (workshop.folder / "requirements.txt").write_text(text, "utf-8")
    manifest = workshop.manifest
    manifest["dependencies"] = "requirements.txt"
    workshop.write(manifest)
