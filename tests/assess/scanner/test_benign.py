"""Ordinary files are clean: an alarm that rings for everything is switched off."""

import pytest
from tests.assess.scanner.specimens import benign

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
