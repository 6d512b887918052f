import pytest

from strongroom.assess.history import History
from strongroom.assess.predecessor import Predecessor
from strongroom.domain.outcome import Outcome
from strongroom.governance.artifacts import digest_artifact
from strongroom.testing.cases import ask

CHECK = "operations.rollback_ready"
OTHER = f"sha256:{'a' * 64}"


def version(name="sha256:" + "1" * 64, model=OTHER, stages=("production",), problem=None):
    return Predecessor(name, model, stages, problem)


def with_fallback(workshop):
    workshop.write({**workshop.manifest, "fallback": "Rule set R7, switched on by the duty desk."})


def test_an_earlier_version_that_opens_passes(workshop):
    answer = ask(workshop, CHECK, history=History((version(),)))
    assert answer.outcome is Outcome.PASS
    assert answer.metrics["earlier_versions"].value == 1


def test_a_first_version_needs_a_declared_fallback(workshop):
    assert ask(workshop, CHECK).broken == {"nothing"}
    with_fallback(workshop)
    answer = ask(workshop, CHECK)
    assert answer.outcome is Outcome.PASS
    assert "R7" in answer.findings[0].message


@pytest.mark.parametrize(
    "useless",
    [
        pytest.param(lambda mine: version(model=mine), id="the same model"),
        pytest.param(lambda _: version(stages=()), id="never promoted"),
    ],
)
def test_what_is_no_earlier_version_does_not_count(workshop, useless):
    mine = str(digest_artifact(workshop.folder / "model.txt"))
    assert ask(workshop, CHECK, history=History((useless(mine),))).broken == {"nothing"}


def test_a_damaged_earlier_version_fails_even_with_a_fallback(workshop):
    with_fallback(workshop)
    answer = ask(workshop, CHECK, history=History((version(problem="its key is destroyed"),)))
    assert answer.outcome is Outcome.FAIL
    assert "its key is destroyed" in answer.findings[0].message


def test_one_sound_version_among_damaged_ones_is_enough(workshop):
    damaged = version("sha256:" + "2" * 64, problem="gone")
    answer = ask(workshop, CHECK, history=History((damaged, version())))
    assert answer.outcome is Outcome.PASS
