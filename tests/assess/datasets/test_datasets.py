"""Data sets: what is found in them, and a digest that only their content changes."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from strongroom.assess.datasets.judge import DataQuestions, judge_dataset
from strongroom.assess.scanner.report import Rating

TOKEN = "ghp" + "_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    signal = rng.normal(size=600)
    noisy = rng.random(600) < 0.1
    label = (signal > 0) ^ noisy
    return pl.DataFrame(
        {"amount": np.round(signal * 100, 2), "count": np.arange(600), "label": label.astype(int)}
    )


def judged(path, **asked):
    report = judge_dataset(path, DataQuestions(**asked))
    return report, {h.rule: h for h in report.findings}


def test_the_digest_is_of_the_content_not_of_the_file(table, tmp_path):
    table.write_parquet(tmp_path / "a.parquet", row_group_size=50, compression="gzip")
    table.select("label", "count", "amount").write_parquet(tmp_path / "b.parquet")
    table.write_csv(tmp_path / "c.csv")
    table.write_ndjson(tmp_path / "d.jsonl")
    table.reverse().write_parquet(tmp_path / "e.parquet")
    table.with_columns(amount=pl.col("amount") + 0.01).write_parquet(tmp_path / "f.parquet")
    digests = [judged(file)[1]["data.lineage"].call for file in sorted(tmp_path.iterdir())]
    assert len(set(digests[:4])) == 1
    assert len(set(digests)) == 3


def test_an_ordinary_table_is_clean(table, tmp_path):
    table.write_parquet(tmp_path / "t.parquet")
    report, _ = judged(tmp_path / "t.parquet")
    assert (report.format, report.verdict) == ("parquet", Rating.CLEAN)


def test_personal_data_and_secrets_are_found_and_not_said(tmp_path):
    rows = 50
    mails = [f"anna{n}@bank.example" for n in range(rows)]
    pl.DataFrame({"who": mails, "note": [TOKEN] * rows}).write_parquet(tmp_path / "t.parquet")
    report, found = judged(tmp_path / "t.parquet")
    assert report.verdict is Rating.BLOCK
    assert {"data.email", "secret.github_token"} <= set(found)
    assert TOKEN not in repr(report)
    assert "anna1@" not in repr(report)


def test_rows_that_repeat_are_counted(table, tmp_path):
    pl.concat([table, table.head(60)]).write_parquet(tmp_path / "t.parquet")
    _, found = judged(tmp_path / "t.parquet")
    assert found["data.duplicates"].message.startswith("60 of 660 rows")
    assert found["data.duplicates"].rating is Rating.REVIEW


def test_a_broken_schema_is_named(table, tmp_path):
    table.write_parquet(tmp_path / "reference.parquet")
    changed = table.drop("count").with_columns(pl.col("amount").cast(pl.String), extra=pl.lit(1))
    changed.write_parquet(tmp_path / "t.parquet")
    report, _ = judged(tmp_path / "t.parquet", like=tmp_path / "reference.parquet")
    said = " ".join(h.message for h in report.findings if h.rule == "data.schema_break")
    assert "count is missing" in said
    assert "extra is new" in said
    assert "amount holds text, the reference numbers" in said


@pytest.mark.slow
def test_noisy_labels_are_seen(table, tmp_path):
    table.write_parquet(tmp_path / "t.parquet")
    report, found = judged(tmp_path / "t.parquet", label="label")
    assert found["data.labels"].rating is Rating.REVIEW
    assert report.verdict is Rating.REVIEW


@pytest.mark.slow
def test_labels_are_judged_from_the_command_line_and_it_ends(table, tmp_path):
    """With as many threads as the machine has cores, and one more process that wants them."""
    table.write_parquet(tmp_path / "t.parquet")
    command = [sys.executable, "-m", "strongroom.cli", "scan", str(tmp_path / "t.parquet")]
    command += ["--as", "data", "--label", "label", "--format", "json", "--jobs", "2"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    for run in runs:
        out, _ = run.communicate(timeout=240)
        (report,) = json.loads(out)["files"]
        found = {finding["id"]: finding["verdict"] for finding in report["findings"]}
        assert (run.returncode, found["data.labels"]) == (0, "review")


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.parquet", b"PAR1 no"), ("a.csv", b""), ("a.jsonl", b"[1,\n"), ("a.csv", b'a,b\n1,"2')],
    ids=["parquet", "empty", "lines", "quote"],
)
def test_what_is_no_table_is_unknown(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert judged(tmp_path / name)[0].verdict in {Rating.UNKNOWN, Rating.CLEAN}
    if name != "a.csv" or not data:
        assert judged(tmp_path / name)[0].verdict is Rating.UNKNOWN


def test_an_unknown_label_column_could_not_be_judged(table, tmp_path):
    table.write_parquet(tmp_path / "t.parquet")
    assert judged(tmp_path / "t.parquet", label="nope")[0].verdict is Rating.UNKNOWN
