"""Earlier versions as the registry's own records tell of them."""

import pytest
from tests.assess.conftest import NOW

from strongroom.assess.predecessors import predecessors
from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.statement import Subject
from strongroom.keys.sealing import context_of
from strongroom.registry.statements import Action, Move, Seal, SealedFile, version_of

SYSTEM = "card-fraud"


def seal(home, content=b"model one", signer="registry"):
    """Record a sealed version as the registry does; gives its name and its object's."""
    name = home.objects.put([content])
    about = (Subject("model", sha256(content)),)
    files = (SealedFile("model.txt", sha256(content), len(content), name),)
    version = version_of(SYSTEM, {"model.txt": sha256(content)}, about)
    wrapped = home.kms.wrap(b"k" * 32, context_of(system=SYSTEM, version=str(version)))
    made = Seal(SYSTEM, files, about, wrapped, home.kms.uri, sha256(b"decision"), NOW)
    assert made.version == version
    home.record(made.to_statement(), signer)
    return version, name


def move(home, version: Digest, stage=Stage.VALIDATION):
    moved = Move(SYSTEM, stage, 1, Action.PROMOTE, version, None, None, sha256(b"d"), NOW)
    home.record(moved.to_statement(), "registry")


def test_a_sealed_and_promoted_version_would_open(home):
    version, _ = seal(home)
    move(home, version)
    (found,) = predecessors(home, SYSTEM)
    assert found.version == str(version)
    assert found.model == str(sha256(b"model one"))
    assert found.stages == ("validation",)
    assert found.problem is None


def test_versions_come_oldest_first_and_only_of_this_system(home):
    first, _ = seal(home)
    second, _ = seal(home, b"model two")
    assert [p.version for p in predecessors(home, SYSTEM)] == [str(first), str(second)]
    assert predecessors(home, "another") == ()


def test_a_lost_object_is_told(home):
    _, name = seal(home)
    home.objects.delete(name)
    (found,) = predecessors(home, SYSTEM)
    assert "model.txt is gone" in found.problem


def test_a_destroyed_key_is_told(home):
    seal(home)
    home.kms.destroy("default")
    (found,) = predecessors(home, SYSTEM)
    assert found.problem


@pytest.mark.parametrize("signer", ["assessor", "gate"])
def test_a_seal_by_a_key_that_may_not_seal_does_not_count(home, signer):
    seal(home, signer=signer)
    assert predecessors(home, SYSTEM) == ()
