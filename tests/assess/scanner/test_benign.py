"""Ordinary files are clean: an alarm that rings for everything is switched off."""

import pickle

import pytest
from tests.assess.scanner.specimens import benign, disguises
from tests.assess.scanner.specimens.values import values

from strongroom.assess.scanner import Rating, scan_bytes


@pytest.fixture(scope="module")
def reports():
    """Report by estimator and way of saving."""
    made = [*benign.estimators(), *benign.compositions()]
    return {
        f"{name}/{way}": scan_bytes(data, name)
        for name, model in made
        for way, data in benign.saved(model)
    }


def test_no_ordinary_model_is_blocked_or_unjudged(reports):
    bad = {n: r.findings for n, r in reports.items() if r.verdict in {Rating.BLOCK, Rating.UNKNOWN}}
    assert not bad


def test_at_most_two_percent_of_ordinary_models_want_a_review(reports):
    review = {n for n, r in reports.items() if r.verdict is Rating.REVIEW}
    assert len(review) <= 0.02 * len(reports), review
    assert len(reports) > 800


def test_formats_without_code_are_clean(tmp_path):
    for name, data in benign.other_files(tmp_path):
        report = scan_bytes(data, name)
        assert report.verdict is Rating.CLEAN, (name, report.findings)
        assert report.format != "unknown", name


def test_joblib_files_are_told_from_pickles(reports):
    assert reports["LogisticRegression/joblib-0"].format == "joblib"
    assert reports["LogisticRegression/joblib-('zlib', 1)"].format == "joblib+zlib"
    assert reports["LogisticRegression/pickle5"].format == "pickle"


@pytest.mark.parametrize("protocol", range(6))
def test_tables_arrays_and_plain_values_are_clean(protocol):
    """pandas 3 keeps text in Arrow's arrays, whose helpers must be known."""
    for name, value in values():
        report = scan_bytes(pickle.dumps(value, protocol))
        assert report.verdict is Rating.CLEAN, (name, report.findings)


def test_joblib_files_packed_with_lz4_are_looked_into():
    pytest.importorskip("lz4", reason="lz4 frames need the package lz4")
    report = scan_bytes(disguises.lz4_joblib())
    assert (report.format, report.verdict) == ("joblib+lz4", Rating.CLEAN)
    assert report.runs_instructions


def test_lz4_that_cannot_be_unpacked_is_not_called_clean():
    assert scan_bytes(b"\x04\x22\x4d\x18" + b"junk" * 20).verdict is Rating.UNKNOWN
