"""Reasons in words: the right ones, in order, at most four, none that says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from strongroom.assess.explain.reasons import (
    Words,
    just_passed,
    named,
    principal_reasons,
    read_words,
)
from strongroom.assess.explain.shapley import Explanation
from strongroom.domain.errors import InputError, LimitError

FEATURES = ("utilisation", "late_30", "late_60", "income", "age_of_car", "enquiries")


def explained(*rows) -> Explanation:
    return Explanation(np.array(rows, dtype=float), 0.0, "log-odds", "by hand")


def test_reasons_are_what_raises_the_score_most_above_the_reference_and_at_most_four():
    row = [0.9, 0.1, 0.2, -0.5, 0.3, 0.4]
    usual = np.array([0.0, 0.0, 0.0, -0.9, 0.0, 0.4])
    (reasons,) = principal_reasons(explained(row), FEATURES, named(FEATURES), reference=usual)
    # Income lowers the score, yet by less than for others: a reason all the same.
    assert [r.words for r in reasons] == ["utilisation", "income", "age of car", "late 60"]
    assert reasons[1].contribution == pytest.approx(0.4)


def test_features_of_the_same_words_are_one_reason():
    words = Words(dict.fromkeys(FEATURES, "other") | {"late_30": "late", "late_60": "late"})
    row = [0.25, 0.2, 0.2, 0.0, 0.0, 0.0]
    (reasons,) = principal_reasons(explained(row), FEATURES, words, reference=np.zeros(6))
    assert (reasons[0].words, reasons[0].features) == ("late", ("late_30", "late_60"))
    assert reasons[0].contribution == pytest.approx(0.4)


def test_a_row_that_nothing_speaks_against_has_no_reasons():
    told = principal_reasons(explained([-1] * 6), FEATURES, named(FEATURES), reference=np.zeros(6))
    assert told == ((),)


def test_just_passed_are_the_rows_nearest_below_the_threshold():
    scores = np.linspace(0, 1, 101)
    marks = just_passed(scores, 0.5, share=0.1)
    assert scores[marks].min() == pytest.approx(0.44)
    assert scores[marks].max() == pytest.approx(0.49)
    with pytest.raises(InputError, match="nobody passed"):
        just_passed(scores, 0.0)


def write(folder, text: str):
    path = folder / "reasons.toml"
    path.write_text(text, "utf-8")
    return path


def test_words_come_from_a_file_with_its_digest(tmp_path):
    path = write(tmp_path, 'version = 1\n[reasons]\na = "Too many late payments"\nb = " Car "\n')
    words = read_words(path, ("a", "b"))
    assert words.of == {"a": "Too many late payments", "b": "Car"}
    assert words.digest is not None
    assert words.vague() == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("version = 1\n[reasons]\na = 'x'\n", "no words for b"),
        ("version = 1\n[reasons]\na = 'x'\nb = ''\n", "no words for b"),
        ("version = 1\n[reasons]\na = 'x'\nb = 2\n", "no words for b"),
        ("version = 1\n[reasons]\na = 'x'\nb = 'y'\nc = 'z'\n", "does not read"),
        ("version = 2\n[reasons]\n", "version = 1"),
        ("version = 1\nreasons = 3\n", "table"),
        ("[reasons\n", "not TOML"),
    ],
)
def test_a_file_of_words_that_is_not_whole_is_refused(tmp_path, text, what):
    with pytest.raises(InputError, match=what):
        read_words(write(tmp_path, text), ("a", "b"))


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_words(tmp_path / "none.toml", ("a",))


def test_a_huge_file_is_not_read_to_its_end(tmp_path):
    with pytest.raises(LimitError, match="more than"):
        read_words(write(tmp_path, "#" * 1_000_001), ("a",))


@pytest.mark.parametrize(
    ("text", "vague"),
    [
        ("Your risk score is too high", True),
        ("Does not meet our lending criteria", True),
        ("Delinquent past or present credit obligations with others", False),
    ],
)
def test_words_that_name_no_specific_reason_are_found(text, vague):
    assert bool(Words({"a": text}).vague()) is vague
