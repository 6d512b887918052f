"""Each promotion carries bills of materials and provenance; the bundle is held to them."""

import json
from dataclasses import replace

import pytest

from strongroom.assess.bom import validate, validate_spdx
from strongroom.domain.decision import Decision, Stage
from strongroom.domain.digests import sha256
from strongroom.domain.errors import DeniedError, IntegrityError
from strongroom.domain.evidence import EVIDENCE_TYPE
from strongroom.domain.predicates import CYCLONEDX_TYPE, SLSA_TYPE, SPDX_TYPE
from strongroom.domain.statement import Statement, Subject
from strongroom.home.home import Home
from strongroom.report import layout
from strongroom.report.audit import choose, write_bundle
from strongroom.report.bills import document_in, sign_bills
from strongroom.report.extras import bundle_extras
from strongroom.report.promotion import promote
from strongroom.report.verify import verify_bundle
from strongroom.report.verify_materials import Context, evidence_among, story_of

EVIDENCE = "urn:strongroom:evidence:"


@pytest.fixture(scope="module")
def home(audited):
    with Home.open(audited.home) as opened:
        yield opened


@pytest.fixture(scope="module")
def chosen(home, audited):
    return choose(home, audited.loaded)


def statement(chosen, kind):
    (found,) = (r.statement for r in chosen.records if r.kind == kind)
    return found


@pytest.fixture(scope="module")
def context(chosen):
    said = [r.statement for r in chosen.records]
    documents = {
        layout.BOM: document_in(next(r for r in chosen.records if r.kind == CYCLONEDX_TYPE)),
        layout.SPDX: document_in(next(r for r in chosen.records if r.kind == SPDX_TYPE)),
    }
    return Context(chosen.decision, evidence_among(said), documents)


def test_the_bundle_tells_of_bills_and_of_the_recorded_run(audited):
    story = "\n".join(verify_bundle(audited.bundle, audited.trust).story)
    assert "signed as CycloneDX, and refers to" in story
    assert "signed as SPDX, and refers to" in story
    assert "made by a recorded run of `sh -c" in story


@pytest.mark.slow
def test_the_bills_in_the_bundle_are_valid_and_name_what_was_decided_on(home, audited, chosen):
    cyclonedx = (audited.bundle / layout.BOM).read_bytes()
    validate(cyclonedx)
    validate_spdx((audited.bundle / layout.SPDX).read_bytes())
    model = json.loads(cyclonedx)["components"][0]
    references = model["externalReferences"]
    cited = {r["url"].removeprefix(EVIDENCE) for r in references if r["type"] == "evidence"}
    rests_on = {d for reason in chosen.decision.reasons for d in reason.evidence}
    assert cited == {str(d) for d in rests_on if home.record_of(d).kind == EVIDENCE_TYPE}
    assert [r["comment"] for r in references if r["type"] == "attestation"] == [
        "SLSA build provenance"
    ]


def test_a_bill_beside_the_bundle_that_was_not_signed_is_found(home, audited, chosen, tmp_path):
    extras = dict(bundle_extras(home, audited.loaded, chosen))
    extras[layout.BOM] = extras[layout.BOM].replace(b'"recall', b'"record', 1) + b" "
    bundle = write_bundle(home, audited.loaded, chosen, tmp_path / "bundle", extras)
    problems = verify_bundle(bundle, audited.trust).problems
    assert any("not the bill of materials that was signed" in p.reason for p in problems)


@pytest.mark.parametrize("kind", [CYCLONEDX_TYPE, SPDX_TYPE], ids=["cyclonedx", "spdx"])
def test_a_bill_about_other_digests_is_refused(chosen, context, kind):
    bill = statement(chosen, kind)
    other = replace(bill, subjects=(Subject("model", sha256(b"other")),))
    with pytest.raises(IntegrityError, match="not about what was decided"):
        story_of(other, context)


@pytest.mark.parametrize("kind", [CYCLONEDX_TYPE, SPDX_TYPE], ids=["cyclonedx", "spdx"])
def test_a_bill_that_lists_another_model_is_refused(chosen, context, kind):
    bill = statement(chosen, kind)
    model = next(s.digest for s in bill.subjects if s.name == "model")
    lied = json.loads(json.dumps(dict(bill.predicate)).replace(model.hex, "0" * 64))
    forged = Statement(kind, bill.subjects, lied)
    path = layout.BOM if kind == CYCLONEDX_TYPE else layout.SPDX
    known = {**context.documents, path: forged.payload()}
    with pytest.raises(IntegrityError):
        story_of(forged, replace(context, documents=known))


def test_a_bill_that_refers_to_evidence_that_is_not_there_is_refused(chosen, context):
    with pytest.raises(IntegrityError, match="evidence that is not here"):
        story_of(statement(chosen, CYCLONEDX_TYPE), replace(context, evidence=frozenset()))


def test_a_provenance_of_another_model_is_refused(chosen, context):
    about = tuple(
        Subject(s.name, sha256(b"other") if s.name == "model" else s.digest)
        for s in chosen.decision.subjects
    )
    with pytest.raises(IntegrityError, match="another model"):
        story_of(
            statement(chosen, SLSA_TYPE),
            replace(context, decision=replace(chosen.decision, subjects=about)),
        )


def test_the_same_decision_makes_the_same_bills_once(home, audited, chosen):
    decided = home.record_of(chosen.digest)
    before = home.ledger.size
    first, second = sign_bills(home, audited.loaded, decided)
    assert home.ledger.size == before
    assert Decision.from_statement(decided.statement).stage is Stage.PRODUCTION
    assert {first.kind, second.kind} == {CYCLONEDX_TYPE, SPDX_TYPE}


def test_nothing_is_signed_for_what_the_gate_did_not_allow(home, audited, tmp_path):
    with Home.open(tmp_path / "home", create=True) as empty:
        with pytest.raises(DeniedError):
            promote(empty, audited.loaded, Stage.DEVELOPMENT)
        assert list(empty.records(CYCLONEDX_TYPE)) == []
