"""Rules of a house's own: read, asked, and refused when an auditor could not ask them again."""

from pathlib import Path

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError, LimitError
from strongroom.governance.rego import as_required, denials, load_rules, read_rule, read_rule_file

EXAMPLES = Path(__file__).parents[2] / "examples/rules"
RULE = """package bank.test
id := "BANK-09"
title := "A test"
deny contains "too much" if input.amount > 10
"""


def test_a_rule_says_who_it_is_and_speaks_about_every_stage_unless_it_says_which() -> None:
    rule = read_rule(RULE)
    assert (rule.id, rule.title, rule.stages) == ("BANK-09", "A test", tuple(Stage))
    production = read_rule(RULE + 'stages := ["production"]\n')
    assert as_required([production], Stage.DEVELOPMENT) == ()
    assert as_required([production], Stage.PRODUCTION)[0].requirement.id == "BANK-09"


def test_it_denies_what_it_is_against_and_lets_the_rest_pass() -> None:
    assert denials(RULE, {"amount": 11}) == ("too much",)
    assert denials(RULE, {"amount": 10}) == ()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "no `package` line"),
        ("package a\nfoo {", "cannot be evaluated"),
        ("package a", "without an id"),
        (RULE.replace("BANK-09", "SR-SC-01"), "without an id of its own"),
        (RULE.replace('title := "A test"', ""), "without a title"),
        (RULE.replace("deny contains", "allow contains"), "denies nothing"),
        (RULE + 'stages := ["moon"]\n', "moon"),
        (RULE + "late if time.now_ns() > 5\n", "time.now_ns would not give an auditor"),
        (RULE + 'page := http.send({"url": "x"})\n', "http.send would not"),
        (RULE + 'id := "BANK-10"\n', "cannot be evaluated"),
    ],
    ids=[
        "empty",
        "syntax",
        "no-id",
        "our-id",
        "no-title",
        "no-deny",
        "stage",
        "clock",
        "net",
        "conflict",
    ],
)
def test_what_cannot_be_asked_again_is_refused_with_a_reason(source: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace(".", r"\.")):
        read_rule(source, where="rule.rego")


def test_an_error_while_it_is_asked_is_no_pass() -> None:
    rule = RULE + 'deny contains "never" if time.date(input.amount)[0] > 1\n'
    with pytest.raises(InputError, match="cannot be evaluated"):
        denials(rule, {"amount": "eleven"})


def test_a_folder_may_not_hold_one_id_twice_or_a_huge_file(tmp_path: Path) -> None:
    assert load_rules(tmp_path / "none") == ()
    for name in ("a", "b"):
        (tmp_path / f"{name}.rego").write_text(RULE)
    with pytest.raises(InputError, match="two rules have the id BANK-09"):
        load_rules(tmp_path)
    (tmp_path / "a.rego").write_text("#" * 70_000)
    with pytest.raises(LimitError):
        read_rule_file(tmp_path / "a.rego")
    (tmp_path / "a.rego").write_bytes(b"package \xff")
    with pytest.raises(InputError, match="UTF-8"):
        read_rule_file(tmp_path / "a.rego")


def evasion(high: float) -> dict[str, object]:
    figure = {"name": "success[payer]", "value": 0.1, "low": 0.05, "high": high}
    return {"evidence": {"robustness.evasion_budget": {"metrics": [figure]}}}


APPROVED = {"manifest": {"system": {"criticality": "high"}}, "approvals": [{"by": "bob"}]}
CASES = [
    ("evasion", evasion(0.15), 0),
    ("evasion", evasion(0.25), 1),
    ("evasion", {"evidence": {}}, 1),
    ("freeze", {"now": 1_798_070_400}, 1),  # 24 December 2026
    ("freeze", {"now": 1_797_984_000}, 0),
    ("second_line", APPROVED, 0),
    ("second_line", {**APPROVED, "approvals": [{"by": "alice"}]}, 1),
]


@pytest.mark.parametrize(
    ("name", "facts", "against"), CASES, ids=[str(n) for n in range(len(CASES))]
)
def test_the_examples_deny_what_they_say(name: str, facts: dict[str, object], against: int) -> None:
    rule = read_rule_file(EXAMPLES / f"{name}.rego")
    assert len(denials(rule.source, facts)) == against
