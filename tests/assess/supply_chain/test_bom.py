"""The bill of materials is valid, complete and reproducible."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from strongroom.assess.bom import (
    Ancestor,
    Materials,
    Seen,
    build,
    build_spdx,
    validate,
    validate_spdx,
)
from strongroom.assess.pins import read_requirements, wanted_by
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.evidence import CheckId, Curve, Evidence, Finding, Metric
from strongroom.domain.outcome import Outcome
from strongroom.domain.provenance import DECLARED, Commit, Item, Package, Provenance
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
        (Curve("roc", "false", "true", ((0, 0), (0.5, 0.9), (1, 1)), ((0, 0), (0.8, 1), (1, 1))),),
    )


def provenance():
    return Provenance(
        "card-fraud",
        ("python", "train.py"),
        DIGEST,
        (Item("data.train", DIGEST, (DECLARED,)), Item("notes.txt", DIGEST, ("observed",))),
        (Item("model", DIGEST, (DECLARED,)),),
        Commit("a" * 40, "https://git.example.com/fraud", ("train.py",)),
        (Package("numpy", "2.4.6", None),),
        {"python.version": "3.11.7"},
        7,
        NOW,
        NOW,
        0,
        {"stdout": DIGEST},
        {"native_reads_seen": False},
    )


@pytest.fixture
def materials(tmp_path):
    pins = read_requirements(b"numpy==2.4.6 --hash=sha256:" + b"a" * 64, where="r.txt").pins
    names = ("model", "data.train", "data.test")
    digests = dict.fromkeys(names, DIGEST)
    system = make_workshop(tmp_path, rows=100).load().system
    return Materials(
        system,
        digests,
        pins,
        (evidence(),),
        "lightgbm",
        Seen(provenance(), DIGEST),
        Ancestor(sha256(b"before"), sha256(b"its model")),
    )


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


def test_the_card_draws_curves_and_says_family_limits_and_slices(materials):
    (model,) = (c for c in json.loads(build(materials))["components"] if c["bom-ref"] == "model")
    card = model["modelCard"]
    assert card["modelParameters"]["architectureFamily"] == "gradient-boosted decision trees"
    (drawing,) = card["quantitativeAnalysis"]["graphics"]["collection"]
    drawn = base64.b64decode(drawing["image"]["content"]).decode()
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert card["considerations"]["technicalLimitations"] == [
        "performance.discrimination@1: recall is low at night"
    ]
    assert card["quantitativeAnalysis"]["performanceMetrics"][0]["slice"] == "n=1000; 95%"


def test_pedigree_names_the_version_before_and_the_commit(materials):
    pedigree = json.loads(build(materials))["components"][0]["pedigree"]
    assert pedigree["ancestors"][0]["version"] == str(sha256(b"before"))
    assert pedigree["commits"] == [{"uid": "a" * 40, "url": "https://git.example.com/fraud"}]
    assert "other than the commit" in pedigree["notes"]


def test_what_failed_is_claimed_against(materials):
    said = json.loads(build(materials))["declarations"]
    (claim,) = said["claims"]
    assert claim["counterEvidence"] == ["evidence:performance.discrimination@1"]
    assert said["attestations"][0]["map"][0]["conformance"]["score"] == 0


def test_the_recorded_run_is_the_formulation(materials):
    ((workflow,),) = (f["workflows"] for f in json.loads(build(materials))["formulation"])
    assert workflow["steps"][0]["commands"] == [{"executed": "python train.py"}]
    assert {"resource": {"ref": "data.train"}} in workflow["inputs"]
    assert workflow["outputs"] == [{"type": "artifact", "resource": {"ref": "model"}}]
    told = {p["name"]: p["value"] for p in workflow["properties"]}
    assert told["strongroom:complete.native_reads_seen"] == "no"


LOCKED = b"""numpy==2.4.6 --hash=sha256:%s
    # via
    #   -r in.txt
    #   pandas
pandas==3.0.0 --hash=sha256:%s
    # via -r in.txt
""" % (b"a" * 64, b"b" * 64)


def test_packages_rest_on_what_the_lock_file_says_they_need(materials):
    pins = read_requirements(LOCKED, where="r.txt").pins
    assert wanted_by(LOCKED) == {"numpy": ("pandas",)}
    locked = replace(materials, pins=pins, wanted_by=wanted_by(LOCKED))
    assert {"ref": "line-5:pandas", "dependsOn": ["line-1:numpy"]} in json.loads(build(locked))[
        "dependencies"
    ]
    validate(build(locked))
    validate_spdx(build_spdx(locked, at=NOW))


def spdx(materials):
    graph = json.loads(build_spdx(materials, at=NOW))["@graph"]
    return {e["spdxId"].rpartition(":")[2]: e for e in graph if "spdxId" in e}


def test_spdx_says_the_same(materials):
    found = spdx(materials)
    assert found["document"]["name"] == "card-fraud"
    model = found["model"]
    assert model["type"] == "ai_AIPackage"
    assert model["verifiedUsing"][0]["hashValue"] == DIGEST.hex
    assert model["ai_limitation"] == "performance.discrimination@1: recall is low at night"
    assert model["ai_metric"][0]["value"] == "0.9 [0.89, 0.91] (n=1000; 95%)"
    assert found["model.trainedOn"]["to"] == [found["data.train"]["spdxId"]]
    assert found["model.testedOn"]["to"] == [found["data.test"]["spdxId"]]
    assert found["model.dependsOn"]["to"] == [found["line-1"]["spdxId"]]
    assert found["data.train"]["dataset_confidentialityLevel"] == "green"
    assert found["build"]["build_configSourceDigest"][0]["hashValue"] == "a" * 40
    assert any(
        str(evidence().to_statement().digest) in r["locator"][0] for r in model["externalRef"]
    )


def test_spdx_is_valid_by_its_own_model_and_the_same_each_time(materials):
    validate_spdx(build_spdx(materials, at=NOW))
    assert build_spdx(materials, at=NOW) == build_spdx(materials, at=NOW)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"trainedOn"', b'"learntOn"'),
        (b'"ai_domain"', b'"ai_domains"'),
        (b'"specVersion":"3.0.1"', b'"comment":"none"'),
        (b':data.train"],"type"', b':nowhere"],"type"'),
    ],
    ids=["value", "property", "count", "reference"],
)
def test_spdx_that_breaks_the_model_is_refused(materials, was, becomes):
    document = build_spdx(materials, at=NOW)
    assert was in document
    with pytest.raises(InputError):
        validate_spdx(document.replace(was, becomes))


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
