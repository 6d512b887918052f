from __future__ import annotations

import pytest

from strongroom.domain.errors import InputError, LimitError
from strongroom.federated.discretion import Given, check, objection
from strongroom.federated.plan import MAX_FILE, parse_plan
from strongroom.federated.tasks import Kind, Task
from strongroom.payments.federation_demo import toml_of
from strongroom.testing.federations import BANKS, plan_document, plan_for


def test_a_plan_comes_back_from_toml_with_the_same_digest():
    raw = plan_document({"kind": "boosting"})
    plan = parse_plan(toml_of(raw).encode(), where="plan.toml")
    assert plan == plan_for({"kind": "boosting"})
    assert plan.digest == plan_for({"kind": "boosting"}).digest
    assert plan.digest != plan_for({"kind": "boosting"}, threshold=4).digest


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"threshold": 2}, "a threshold of 2 among 5"),
        ({"version": 2}, "version"),
        ({"coordinator": "ash"}, "no bank"),
        ({"members": {"ash": "00"}}, "members"),
        ({"features": ["a", "a"]}, "once each"),
        ({"target": "a"}, "without the target"),
        ({"surprise": 1}, "surprise"),
        ({"model": {"kind": "forest"}}, "model"),
        ({"aggregation": {"rule": "median"}, "model": {"kind": "boosting"}}, "histograms"),
        ({"privacy": {"noise_multiplier": 1, "sampling": 0.1}, "model": {"kind": "boosting"}},
         "is for nets"),
        ({"privacy": {"noise_multiplier": 0, "sampling": 0.1}}, "noise_multiplier"),
        ({"aggregation": {"rule": "krum", "tolerated": 1}}, "2 f"),
        ({"aggregation": {"rule": "trimmed-mean", "tolerated": 2}}, "half"),
        ({"rounds": 0}, "rounds"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_plans_that_cannot_be_kept_are_refused(change, why):
    raw = {**plan_document({"kind": "net"}), **change}
    with pytest.raises(InputError, match=why):
        parse_plan(toml_of(raw).encode(), where="plan.toml")


def test_two_banks_with_one_key_are_refused():
    raw = plan_document({"kind": "net"})
    raw["members"]["ash"] = raw["members"]["fir"]
    with pytest.raises(InputError, match="one key"):
        parse_plan(toml_of(raw).encode(), where="plan.toml")


@pytest.mark.parametrize("data", [b"\xff", b"[", b"", b"a = " + b"[" * 100_000])
def test_what_is_no_toml_is_refused(data):
    with pytest.raises(InputError):
        parse_plan(data, where="plan.toml")
    with pytest.raises(LimitError):
        parse_plan(bytes(MAX_FILE + 1), where="plan.toml")


def task(number: int, stage: int = 0, body: bytes = b"x") -> Task:
    return Task(number, stage, Kind.STEP, body, 1)


ALL, FEWER = tuple(BANKS), tuple(BANKS[:4])


@pytest.mark.parametrize(
    ("before", "now", "company", "why"),
    [
        ((task(3), ALL), task(3), ALL, None),
        ((task(3), ALL), task(3), FEWER, "was summed among"),
        ((task(3), ALL), task(3, body=b"y"), ALL, "another task"),
        ((task(3), ALL), task(4), FEWER, "was summed among"),
        ((task(3), ALL), task(4, body=b"y"), FEWER, None),
        ((task(3), ALL), task(2, body=b"y"), ALL, "round 2 after"),
        ((task(3), ALL), task(3, 1, b"y"), FEWER, "the round began among"),
        ((task(3), ALL), task(3, 1, b"y"), ALL, None),
    ],
)
def test_no_second_sum_that_would_give_one_bank_away(before, now, company, why):
    old, old_company = before
    found = objection([Given(old.round, old.stage, old.content, old_company)], now, company)
    assert found is None if why is None else why in (found or "")


def test_what_was_given_comes_back_from_its_line():
    given = check([], task(1), ALL)
    assert Given.from_json(given.to_json()) == given
    for raw in (None, {}, {**given.to_json(), "company": ["fir", "ash"]}):
        with pytest.raises(InputError):
            Given.from_json(raw)
