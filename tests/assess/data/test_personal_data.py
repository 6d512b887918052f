"""Personal data is found where it is, and numbers that only look like it are left alone."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.assess.checks.data.personal_data import as_texts
from strongroom.assess.personal_data import KINDS, beyond_chance, found, iban, luhn
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

SHARED = Path(__file__).parents[3].parent / "shared"
RNG = np.random.default_rng(3)


def with_luhn(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 * (value > 9)
    return body + str(-total % 10)


def kinds_in(values, name="column"):
    """Kinds found, with the number of distinct values."""
    texts = as_texts(pl.Series(name, values))
    if texts is None or not len(texts):
        return {}
    distinct = texts.unique()
    counts = {kind.name: int(found(distinct, name, kind).sum()) for kind in KINDS}
    return {kind: count for kind, count in counts.items() if count}


CARDS = [with_luhn("4" + "".join(map(str, RNG.integers(0, 10, 14)))) for _ in range(200)]


@pytest.mark.parametrize(
    ("kind", "values", "count"),
    [
        ("card_number", ["4111111111111111"], 1),
        ("card_number", ["4111 1111 1111 1111", "x"], 1),
        ("card_number", ["5555-5555-5555-4444"], 1),
        ("card_number", ["paid with 378282246310005, thanks"], 1),
        ("card_number", ["2223003122003222"], 1),
        ("card_number", CARDS, 200),
        ("card_number", [int(c) for c in CARDS], 200),
        ("card_number", [float(c) for c in CARDS] + [None], 200),
        ("iban", ["GB82WEST12345698765432"], 1),
        ("iban", ["to QA58 DOHB 0000 1234 5678 90AB CDEF G please"], 1),
        ("iban", ["ch9300762011623852957"], 1),
        ("email", ["call me", "ada@example.com"], 1),
        ("phone", ["+60 12-345 6789"], 1),
        ("phone", ["ring +2348031234567 now", "(415) 555-2671"], 2),
        ("nric", ["880212-14-5566"], 1),
        ("nric", [f"9{y}0{m}15{p:02d}{s:04d}" for y in range(9) for m in range(1, 9)
                  for p, s in [(14, (y * 9 + m) * 997 % 10000)]], 72),
        ("qid", [28463412345, 29135600001, 28458611111, 30163400222, 27842200123], 5),
        ("ahv", ["756.9217.0769.85"], 1),
        ("ahv", [7569217076985], 1),
        ("ssn", ["219-09-9999"], 1),
        ("nin", ["NIN: 12345678901"], 1),
        ("bvn", ["bvn 22345678901"], 1),
    ],
)  # fmt: skip
def test_each_kind_is_found_in_texts_and_numbers(kind, values, count):
    assert kinds_in(values) == {kind: count}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("phone", "customer_phone", 60123456789),
        ("phone", "msisdn", "0123456789"),
        ("ssn", "ssn", 219099999),
        ("nin", "nin", 12345678901),
        ("bvn", "bvn", 22345678901),
        ("nric", "ic_no", 880212145566),
        ("qid", "qid", 28463412345),
    ],
)
def test_a_column_that_names_itself_is_believed(kind, name, value):
    assert kind in kinds_in([value], name)
    assert kind not in kinds_in([value], "reference")


def times(form, count=3000):
    start = datetime(2012, 7, 25, 8, 0, 3)  # noqa: DTZ001
    return [(start + timedelta(minutes=37 * i)).strftime(form) for i in range(count)]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(RNG.integers(10 ** (d - 1), 10**d, 5000), id=f"random of {d} digits")
        for d in (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
    ]
    + [
        pytest.param([f"{n:016d}" for n in RNG.integers(0, 10**16, 5000)], id="texts of digits"),
        pytest.param(np.arange(4_000_000_000_000_000, 4_000_000_000_005_000), id="counter"),
        pytest.param(np.arange(1_532_476_800_000, 1_532_476_800_000 + 10**9, 10**5), id="millis"),
        pytest.param(np.arange(1_532_476_800, 1_532_476_800 + 10**6, 100), id="seconds"),
        pytest.param([str(uuid.UUID(int=i * 7919**9 % 2**128)) for i in range(5000)], id="uuid"),
        pytest.param([uuid.uuid5(uuid.NAMESPACE_DNS, str(i)).hex for i in range(5000)], id="hex"),
        pytest.param([str(x) for x in RNG.random(5000)], id="texts of decimals"),
        pytest.param([f"ref {n}" for n in RNG.integers(10**11, 10**16, 5000)], id="references"),
        pytest.param(
            [f"{a:04d}-{b:04d}-{c:04d}-{d:04d}" for a, b, c, d in RNG.integers(1, 9999, (3000, 4))],
            id="grouped tokens",
        ),
        pytest.param(times("%Y-%m-%d %H:%M:%S"), id="date-times"),
        pytest.param([int(t) for t in times("%Y%m%d%H%M")], id="YYYYMMDDhhmm"),
        pytest.param([int(t) for t in times("%y%m%d%H%M%S")], id="YYMMDDhhmmss"),
        pytest.param(RNG.random(5000) * 1e15, id="floats"),
        pytest.param(RNG.integers(0, 24, 5000).astype(np.int8), id="small numbers"),
        pytest.param(["user@host", "a@b", "@handle"], id="no e-mail"),
        pytest.param([None, None], id="nulls"),
        pytest.param([], id="nothing"),
    ],
)
def test_numbers_that_only_look_like_it_are_left_alone(values):
    assert kinds_in(values) == {}


def test_cards_among_references_are_still_found():
    texts = [f"ref {n}" for n in RNG.integers(10**9, 10**10, 500)]
    assert kinds_in([*texts, f"card {CARDS[0]}", f"pan: {CARDS[1]}"]) == {"card_number": 2}


@given(st.text(st.characters(min_codepoint=48, max_codepoint=57), min_size=12, max_size=18))
def test_luhn_sees_every_single_wrong_digit(body):
    number = with_luhn(body)
    wrong = [
        number[:i] + str((int(number[i]) + 1) % 10) + number[i + 1 :] for i in range(len(number))
    ]
    assert luhn(pl.Series([number, *wrong])).tolist() == [True] + [False] * len(wrong)


def test_iban_sees_a_changed_digit():
    assert iban(pl.Series(["GB82WEST12345698765432", "GB82WEST12345698765433"])).tolist() == [
        True,
        False,
    ]


@given(st.integers(1, 2000), st.floats(0.01, 0.3))
def test_a_chance_share_of_hits_is_never_believed(candidates, chance):
    assert not beyond_chance(int(candidates * chance), candidates, chance)


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=60))
def test_any_text_at_all_is_survived(text):
    kinds_in([text, "x" + text])


def test_the_check_counts_cells_and_prints_no_value(workshop):
    train = workshop.frame("train")
    notes = pl.Series("note", [CARDS[0], CARDS[1], CARDS[0]] + ["-"] * (train.height - 3))
    workshop.put("train", train.with_columns(notes))
    answer = ask(workshop, "data.personal_data")
    assert answer.outcome is Outcome.FAIL
    assert answer.broken == {"card_number"}
    assert answer.metrics["cells_found"].value == 3
    (finding,) = [f for f in answer.findings if f.outcome is Outcome.FAIL]
    assert finding.facts == {"cells": 3, "distinct": 2}
    assert CARDS[0] not in repr(answer)


def test_clean_data_passes(workshop):
    assert ask(workshop, "data.personal_data").outcome is Outcome.PASS


@pytest.mark.parametrize(
    "name",
    [
        "tabular/taiwan_default",
        "tabular/german_credit",
        "tabular/adult",
        pytest.param("tabular/creditcard_ulb", marks=pytest.mark.slow),
        pytest.param("tabular/handbook_2018-07-25_2018-08-14", marks=pytest.mark.slow),
        pytest.param("aml/amlgentex_seed0", marks=pytest.mark.slow),
    ],
)
def test_public_data_without_personal_data_raises_no_alarm(name):
    path = SHARED / "data" / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}.parquet")
    frame = pl.read_parquet(path)
    assert {c: k for c in frame.columns if (k := kinds_in(frame[c], c))} == {}
