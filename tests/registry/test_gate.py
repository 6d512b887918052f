"""The gate: each way in which evidence does not count, four eyes, waivers, and monotony."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.decision import Approval, Decision, Stage, Verdict, Waiver
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import CheckId, Evidence, Finding, Metric, Threshold
from strongroom.domain.outcome import Outcome
from strongroom.domain.statement import Statement, Subject
from strongroom.governance.applicability import Applied
from strongroom.governance.requirement import Need, Requirement
from strongroom.registry.candidate import Candidate, Records, Signed
from strongroom.registry.gate import decide

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POLICY = sha256(b"policy")
CHECK = CheckId("performance.discrimination", 2)
MODEL, DATA = Subject("model", sha256(b"model")), Subject("data.test", sha256(b"test"))
CANDIDATE = Candidate("card-fraud", Stage.PRODUCTION, (DATA, MODEL), "erin")
BOUND = Threshold("auc", at_least=0.8)


def required(*needs: Need, approvals: int = 0, name: str = "SR-PF-01") -> Applied:
    requirement = Requirement(name, "Discrimination", "It tells fraud.", (Stage.PRODUCTION,))
    return Applied(requirement, "asked of every system", needs, approvals)


NEED = required(Need(CHECK, (BOUND,), timedelta(days=30)))


def evidence(outcome: Outcome = Outcome.PASS, auc: float = 0.9, **changes) -> Signed[Evidence]:
    made = Evidence(
        system="card-fraud",
        check=CHECK,
        configuration=sha256(b"settings"),
        subjects=(DATA, MODEL),
        findings=(Finding("performance.discrimination.ran", outcome, "looked"),),
        metrics=(Metric("auc", auc, auc - 0.02, auc + 0.02, 5000),),
        effective_at=NOW - timedelta(days=1),
        recorded_at=NOW - timedelta(days=1),
        expires_at=NOW + timedelta(days=60),
    )
    made = replace(made, **changes)
    return Signed(made.to_statement().digest, "assessor", made)


def approval(by: str, **changes) -> Signed[Approval]:
    made = Approval(
        "card-fraud",
        Stage.PRODUCTION,
        (MODEL, DATA),
        by,
        "read the passport",
        NOW - timedelta(hours=1),
        NOW + timedelta(days=7),
    )
    made = replace(made, **changes)
    return Signed(made.to_statement().digest, by, made)


def waiver(**changes) -> Signed[Waiver]:
    made = Waiver(
        "card-fraud",
        "SR-PF-01",
        (DATA, MODEL),
        "rita",
        "new scheme, few frauds yet",
        NOW - timedelta(days=1),
        NOW + timedelta(days=10),
    )
    made = replace(made, **changes)
    return Signed(made.to_statement().digest, "rita", made)


def judge(
    *evidence_: Signed[Evidence], need=NEED, approvals=(), waivers=(), refused=(), now=NOW
) -> Decision:
    records = Records(evidence_, approvals, waivers, refused)
    return decide(CANDIDATE, (need,), records, POLICY, now)


def test_good_evidence_is_allowed_and_the_reason_names_it():
    given_ = evidence()
    decision = judge(given_)
    assert decision.verdict is Verdict.ALLOW
    assert decision.reasons[0].evidence == (given_.digest,)


def test_nothing_required_is_a_denial():
    assert decide(CANDIDATE, (), Records(), POLICY, NOW).verdict is Verdict.DENY


def test_a_requirement_that_nothing_can_show_is_a_denial():
    decision = judge(evidence(), need=required())
    assert decision.reasons[0].outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"subjects": (DATA, Subject("model", sha256(b"other")))}, "other bytes of model"),
        ({"subjects": (DATA, MODEL, Subject("extra", sha256(b"x")))}, "other bytes of extra"),
        ({"subjects": ()}, "names nothing"),
        ({"system": "aml"}, "about system aml"),
        ({"check": replace(CHECK, version=1)}, "performance.discrimination@2 is required"),
        ({"expires_at": NOW}, "expired"),
        ({"effective_at": NOW - timedelta(days=31)}, "older than 30 days"),
        ({"effective_at": NOW + timedelta(seconds=1)}, "future"),
        ({"recorded_at": NOW + timedelta(seconds=1)}, "future"),
        ({"stopped": "timed out after 60 s"}, "timed out"),
    ],
)
def test_evidence_that_does_not_count_leaves_the_requirement_unknown(changes, word):
    reason = judge(evidence(**changes)).reasons[0]
    assert reason.outcome is Outcome.UNKNOWN
    assert word in reason.text


def test_missing_evidence_says_what_to_run():
    assert "run `assess`" in judge().reasons[0].text


def test_evidence_that_was_not_believed_is_explained():
    line = "performance.discrimination: signed by a key that the trust policy does not know"
    assert (
        line.removeprefix("performance.discrimination: ") in judge(refused=[line]).reasons[0].text
    )


@pytest.mark.parametrize(
    ("auc", "outcome"), [(0.821, "pass"), (0.81, "unknown"), (0.80, "unknown"), (0.79, "fail")]
)
def test_the_threshold_in_force_is_met_by_the_bad_end(auc, outcome):
    reason = judge(evidence(auc=auc)).reasons[0]
    assert reason.outcome == outcome
    assert outcome == "pass" or "required ≥ 0.8" in reason.text


def test_a_metric_that_was_not_measured_is_unknown():
    assert judge(evidence(metrics=())).reasons[0].outcome is Outcome.UNKNOWN


def test_the_check_s_own_failure_counts_whatever_the_figures():
    assert judge(evidence(Outcome.FAIL)).reasons[0].outcome is Outcome.FAIL


def test_a_threshold_of_the_run_is_not_the_threshold_of_the_gate():
    old = Finding("performance.discrimination.threshold", Outcome.FAIL, "auc ≥ 0.99")
    own = Finding("performance.discrimination.ran", Outcome.PASS, "looked")
    assert judge(evidence(findings=(own, old))).verdict is Verdict.ALLOW


def test_the_newest_evidence_counts_and_of_two_at_one_time_the_worse():
    bad = evidence(Outcome.FAIL, effective_at=NOW - timedelta(hours=2))
    assert judge(evidence(), bad).verdict is Verdict.DENY
    assert judge(bad, evidence(effective_at=NOW - timedelta(hours=1))).verdict is Verdict.ALLOW
    assert judge(evidence(), evidence(Outcome.FAIL)).verdict is Verdict.DENY


class TestFourEyes:
    need = required(approvals=2, name="SR-GO-02")

    def test_two_people_suffice(self):
        decision = judge(need=self.need, approvals=[approval("ann"), approval("bob")])
        assert decision.verdict is Verdict.ALLOW
        assert len(decision.reasons[0].evidence) == 2

    @pytest.mark.parametrize(
        "second",
        [
            approval("ann", statement="again"),
            approval("erin"),
            approval("bob", stage=Stage.VALIDATION),
            approval("bob", subjects=(MODEL,)),
            approval("bob", subjects=(MODEL, DATA, Subject("x", sha256(b"x")))),
            approval("bob", system="aml"),
            approval("bob", expires_at=NOW),
            approval("bob", at=NOW + timedelta(seconds=1)),
            approval("bob", approver="carol"),
        ],
    )
    def test_one_does_not_nor_one_and_one_that_does_not_count(self, second):
        decision = judge(need=self.need, approvals=[approval("ann"), second])
        assert decision.verdict is Verdict.DENY
        assert "1 of 2" in decision.reasons[0].text

    def test_the_trainer_is_told_why(self):
        decision = judge(need=self.need, approvals=[approval("ann"), approval("erin")])
        assert "erin trained the model" in decision.reasons[0].text


class TestWaiver:
    def test_it_lets_the_requirement_through_and_is_printed(self):
        reason = judge(waivers=[waiver()]).reasons[0]
        assert reason.ok
        assert reason.outcome is Outcome.UNKNOWN
        assert "waived by rita until 2026-12-02: new scheme" in reason.text

    @pytest.mark.parametrize(
        "changes",
        [
            {"until": NOW},
            {"at": NOW + timedelta(seconds=1)},
            {"requirement": "SR-PF-02"},
            {"subjects": (MODEL,)},
            {"system": "aml"},
            {"owner": "somebody else"},
        ],
    )
    def test_it_acts_only_in_its_time_for_its_digests_and_in_its_owners_name(self, changes):
        assert judge(waivers=[waiver(**changes)]).verdict is Verdict.DENY

    def test_who_trained_the_model_may_not_waive(self):
        mine = waiver(owner="erin")
        assert judge(waivers=[replace(mine, by="erin")]).verdict is Verdict.DENY

    def test_what_passes_needs_no_waiver(self):
        assert judge(evidence(), waivers=[waiver()]).reasons[0].waiver is None


PIECES = st.builds(
    evidence,
    st.sampled_from(Outcome),
    st.floats(0.7, 0.95),
    effective_at=st.integers(-5, 40).map(lambda days: NOW - timedelta(days=days)),
    expires_at=st.integers(-2, 3).map(lambda days: NOW + timedelta(days=days)),
    subjects=st.sampled_from([(DATA, MODEL), (MODEL,), (), (Subject("model", POLICY),)]),
)


@given(st.lists(PIECES, max_size=4), st.lists(PIECES, max_size=3), st.booleans())
def test_more_failure_never_turns_deny_into_allow(pieces, more, approved):
    needs = (NEED, required(approvals=1, name="SR-GO-02"))
    approvals = [approval("ann")] if approved else []

    def verdict(evidence_) -> Verdict:
        return decide(CANDIDATE, needs, Records(evidence_, approvals), POLICY, NOW).verdict

    failing = [
        evidence(
            Outcome.FAIL,
            effective_at=p.record.effective_at,
            expires_at=p.record.expires_at,
            subjects=p.record.subjects,
        )
        for p in more
    ]
    if verdict(pieces) is Verdict.DENY:
        assert verdict([*pieces, *failing]) is Verdict.DENY


@given(st.lists(PIECES, max_size=4), st.randoms())
def test_the_order_of_records_does_not_matter(pieces, random):
    shuffled = list(pieces)
    random.shuffle(shuffled)
    assert judge(*pieces).verdict is judge(*shuffled).verdict


def test_a_decision_survives_the_statement_it_is_signed_as():
    decision = judge(evidence(), waivers=[waiver()])
    statement = Statement.parse(decision.to_statement().payload())
    assert Decision.from_statement(statement) == decision


def test_a_decision_whose_verdict_its_reasons_do_not_carry_is_refused():
    statement = judge().to_statement()
    forged = replace(statement, predicate={**statement.predicate, "verdict": "allow"})
    with pytest.raises(InputError, match="says otherwise"):
        Decision.from_statement(forged)
