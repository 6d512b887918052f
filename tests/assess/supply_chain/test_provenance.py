"""The check on provenance: the recorded run must have made this model from this data."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from strongroom.assess.history import History
from strongroom.assess.provenance.known import Known
from strongroom.domain.decision import Stage
from strongroom.domain.digests import sha256
from strongroom.domain.outcome import Outcome
from strongroom.domain.provenance import DECLARED, Commit, Item, Package, Provenance
from strongroom.governance.applicability import applicable
from strongroom.governance.artifacts import subjects_of
from strongroom.governance.catalog import load_catalog
from strongroom.testing.cases import ask
from strongroom.testing.releases import make_release

CHECK = "supply_chain.provenance"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def loaded(tmp_path):
    return make_release(tmp_path / "system")


@pytest.fixture
def made(loaded):
    digests = {s.name: s.digest for s in subjects_of(loaded)}
    return Provenance(
        "fraud",
        ("python", "train.py"),
        loaded.digest,
        (Item("data.train", digests["data.train"], (DECLARED,)),),
        (Item("model", digests["model"], (DECLARED,)),),
        Commit("a" * 40, None),
        (Package("numpy", "2.4.6", None),),
        {"python.hash_seed": "0"},
        7,
        NOW,
        NOW,
        0,
        {},
        {"native_reads_seen": False},
    )


def judged(loaded, *runs):
    return ask(
        loaded, CHECK, history=History(provenance=tuple(Known(run, sha256(b"it")) for run in runs))
    )


def test_a_run_that_made_this_model_from_this_data_is_proof(loaded, made):
    answer = judged(loaded, made)
    assert answer.outcome is Outcome.PASS
    assert answer.metrics["proven"].value == 1
    assert answer.rules == ("recorded",)


def test_no_run_or_a_run_of_another_model_is_none(loaded, made):
    other = replace(made, outputs=(Item("model", sha256(b"other"), (DECLARED,)),))
    for runs in ((), (other,)):
        answer = judged(loaded, *runs)
        assert answer.broken == {"none"}
        assert answer.metrics["proven"].value == 0


def test_a_run_that_read_other_data_fails(loaded, made):
    other = replace(made, inputs=(Item("data.train", sha256(b"other"), (DECLARED,)),))
    assert judged(loaded, other).broken == {"other_data"}
    assert judged(loaded, replace(made, inputs=())).metrics["proven"].value == 0


def test_an_input_that_changed_meanwhile_fails(loaded, made):
    changed = tuple(replace(item, changed=True) for item in made.inputs)
    assert judged(loaded, replace(made, inputs=changed)).broken == {"changed_input"}


def test_dirty_code_fails_and_no_commit_or_packages_cannot_be_told(loaded, made):
    dirty = replace(made, commit=Commit("a" * 40, None, ("train.py",)))
    assert judged(loaded, dirty).broken == {"dirty"}
    unknown = judged(loaded, replace(made, commit=None, packages=()))
    assert unknown.broken == {"no_commit", "no_packages"}
    assert unknown.outcome is Outcome.UNKNOWN


def test_a_random_hash_seed_is_told_and_does_not_fail(loaded, made):
    answer = judged(loaded, replace(made, environment={"python.hash_seed": "random"}))
    assert "hash_seed" in answer.rules
    assert answer.outcome is Outcome.PASS


def test_the_newest_run_of_this_model_counts(loaded, made):
    dirty = replace(made, commit=Commit("a" * 40, None, ("train.py",)))
    assert judged(loaded, dirty, made).outcome is Outcome.PASS


@pytest.mark.parametrize("recorded", [False, True])
def test_production_asks_for_it_where_training_is_recorded(loaded, recorded):
    system = loaded.system
    training = {"command": ["python", "train.py"], "seed": 7, "recorded": recorded}
    model = type(system.model).model_validate({**system.model.model_dump(), "training": training})
    applied = applicable(
        load_catalog(), system.model_copy(update={"model": model}), Stage.PRODUCTION
    )
    assert any(a.requirement.id == "SR-SC-07" for a in applied) is recorded
