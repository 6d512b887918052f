"""The bill of materials is valid, complete and reproducible."""

import json
from datetime import UTC, datetime

import pytest

from strongroom.assess.bom import Materials, build, validate
from strongroom.assess.pins import read_requirements
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.evidence import CheckId, Evidence, Finding, Metric
from strongroom.domain.outcome import Outcome
from strongroom.domain.statement import Subject
from strongroom.testing.systems import make_workshop

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DIGEST = sha256(b"model")


def evidence(value=0.9):
    return Evidence(
        "card-fraud",
        CheckId("performance.discrimination", 1),
        sha256(b"settings"),
        (Subject("model", DIGEST),),
        (Finding("performance.discrimination.low", Outcome.FAIL, "recall is low at night"),),
        (Metric("auc", value, value - 0.01, value + 0.01, 1000),),
        NOW,
        NOW,
        NOW,
    )


@pytest.fixture
def materials(tmp_path):
    pins = read_requirements(b"numpy==2.4.6 --hash=sha256:" + b"a" * 64, where="r.txt").pins
    names = ("model", "data.train", "data.test")
    digests = dict.fromkeys(names, DIGEST)
    system = make_workshop(tmp_path, rows=100).load().system
    return Materials(system, digests, pins, (evidence(),), "lightgbm")


def test_the_strict_validator_accepts_it(materials):
    validate(build(materials, at=NOW))


def test_it_names_model_data_dependencies_figures_and_evidence(materials):
    bill = json.loads(build(materials, at=NOW))
    by_ref = {c["bom-ref"]: c for c in bill["components"]}
    model = by_ref["model"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": DIGEST.hex}]
    (figure,) = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert figure["confidenceInterval"] == {"lowerBound": "0.89", "upperBound": "0.91"}
    assert str(evidence().to_statement().digest) in model["externalReferences"][0]["url"]
    assert by_ref["data.train"]["data"][0]["classification"] == "internal"
    assert by_ref["data.train"]["data"][0]["governance"]["owners"]
    assert by_ref["line-1:numpy"]["purl"] == "pkg:pypi/numpy@2.4.6"
    assert {"ref": "model", "dependsOn": ["data.test", "data.train", "line-1:numpy"]} in bill[
        "dependencies"
    ]


def test_the_same_materials_give_the_same_bytes(materials):
    assert build(materials, at=NOW) == build(materials, at=NOW)


def test_a_bill_that_breaks_the_schema_is_refused(materials):
    broken = build(materials).replace(b'"machine-learning-model"', b'"magic"')
    with pytest.raises(InputError, match="not a valid CycloneDX"):
        validate(broken)


def test_a_file_that_is_no_text_or_too_large_is_an_error():
    with pytest.raises(InputError, match="UTF-8"):
        read_requirements(b"\xff\xfe\x00", where="r.txt")
    with pytest.raises(LimitError):
        read_requirements(b"#" * (17 * 2**20), where="r.txt")


def test_digests_of_other_algorithms_are_written_by_their_names(materials):
    blake = Digest("blake3", "0" * 64)
    bill = json.loads(build(Materials(materials.system, {"model": blake})))
    assert bill["components"][0]["hashes"][0]["alg"] == "BLAKE3"
    validate(build(Materials(materials.system, {"model": blake})))
