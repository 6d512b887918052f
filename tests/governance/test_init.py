"""`strongroom init`: what it finds in a folder, guesses, asks, and refuses to do."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError, LimitError
from strongroom.governance.columns import ColumnFacts, read_columns
from strongroom.governance.guess import guess_schema, likely_target
from strongroom.governance.init import Question, draft_manifest, scalar
from strongroom.governance.loader import Loaded, load_manifest, read_manifest
from strongroom.governance.strict_yaml import read_yaml
from strongroom.governance.survey import feature_names, look
from strongroom.testing.systems import make_workshop

LIGHTGBM = b"tree\nversion=v4\nfeature_names=hour amount\n"
finite = st.floats(allow_nan=False, allow_infinity=False)
SHARED = Path(__file__).parents[2].parent / "shared/data/tabular"


def frame(rows: int = 8) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "transaction_id": range(rows),
            "TX_DATETIME": pl.datetime_range(
                pl.datetime(2026, 1, 1), pl.datetime(2026, 1, rows), "1d", eager=True
            ),
            "customer_id": [i % 3 for i in range(rows)],
            "amount": [12.34 + i for i in range(rows)],
            "hour": [i % 24 for i in range(rows)],
            "sex": [i % 2 for i in range(rows)],
            "channel": ["web", "pos"] * (rows // 2),
            "fraud": [int(i % 4 == 0) for i in range(rows)],
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/model.txt").write_bytes(LIGHTGBM)
    frame().write_parquet(tmp_path / "payments_train.parquet")
    frame().write_csv(tmp_path / "payments_test.csv")
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6 --hash=sha256:00\n")
    return tmp_path


def defaults(question: Question) -> str:
    assert question.default is not None
    return question.default


def drafted(folder: Path) -> Loaded:
    draft = draft_manifest(folder, defaults, user="alice", country="CH")
    return read_manifest(draft.text.encode(), folder)


def test_it_finds_model_tables_and_what_the_columns_mean(folder: Path) -> None:
    system = drafted(folder).system
    assert system.model is not None
    assert system.data is not None
    assert (system.model.path, system.model.trained_by) == ("out/model.txt", "alice")
    assert system.data.train.path == "payments_train.parquet"
    assert system.data.test.path == "payments_test.csv"
    assert system.dependencies == "requirements.txt"
    assert system.system.jurisdictions == ("CH",)
    schema = system.data.schema_
    assert (schema.target, schema.time) == ("fraud", "TX_DATETIME")
    assert (schema.entity, schema.id) == ("customer_id", "transaction_id")
    assert schema.sensitive == ("sex",)
    assert [f.name for f in schema.features] == ["hour", "amount"]
    amount = schema.features[1]
    assert (amount.min, amount.max, amount.step) == (12.3, 19.4, 0.01)
    assert amount.mutable_by == ("payer",)


def test_without_names_in_the_model_every_number_that_is_no_name_is_a_feature(folder: Path) -> None:
    (folder / "out/model.txt").unlink()
    (folder / "model.onnx").write_bytes(b"onnx")
    schema = drafted(folder).system.data.schema_
    assert [f.name for f in schema.features] == ["amount", "hour", "sex"]


def test_the_manifest_gives_the_editor_its_schema(folder: Path) -> None:
    text = draft_manifest(folder, defaults, user="alice", country="XX").text
    assert text.startswith("# yaml-language-server: $schema=strongroom.schema.json\n")
    assert "jurisdictions: [US]" in text


def test_answers_are_taken_and_held_to_the_manifest_s_rules(folder: Path) -> None:
    answers = {
        "jurisdictions": "my, de",
        "entity_type": "insurer",
        "owner": 'O"Neil: #1',
        "name": "x",
    }

    def ask(question: Question) -> str:
        return answers.get(question.key, question.default or "")

    text = draft_manifest(folder, ask, user="alice", country="CH").text
    identity = read_manifest(text.encode(), folder).system.system
    assert identity.jurisdictions == ("MY", "DE")
    assert (identity.owner, identity.entity_type) == ('O"Neil: #1', "insurer")


@pytest.mark.parametrize(
    ("remove", "reason"),
    [
        (["out/model.txt"], "found no model file"),
        (["payments_test.csv"], "found 1 tables"),
        (["payments_test.csv", "payments_train.parquet"], "found 0 tables"),
    ],
)
def test_what_is_missing_is_said(folder: Path, remove: list[str], reason: str) -> None:
    for name in remove:
        (folder / name).unlink()
    with pytest.raises(InputError, match=reason):
        drafted(folder)


def test_a_label_in_doubt_is_asked_for_and_none_is_refused(folder: Path) -> None:
    two = frame().rename({"fraud": "a"}).with_columns(b=pl.col("a"))
    two.write_parquet(folder / "payments_train.parquet")
    two.write_csv(folder / "payments_test.csv")
    asked: list[Question] = []

    def ask(question: Question) -> str:
        asked.append(question)
        return "b" if question.key == "target" else question.default or ""

    draft_manifest(folder, ask, user="alice", country="CH")
    assert next(q for q in asked if q.key == "target").default is None
    two.drop("a", "b").write_parquet(folder / "payments_train.parquet")
    with pytest.raises(InputError, match="none can be the label"):
        drafted(folder)


def test_a_column_of_one_class_or_of_missing_values_is_no_label() -> None:
    facts = ColumnFacts("fraud", "int", 0, 0, zero_one=True)
    assert likely_target([facts]) is None
    assert not ColumnFacts("fraud", "float").binary


@pytest.mark.parametrize("data", [b"", b"PAR1", b"\0" * 100, b"a,b\n1"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(data)
    with pytest.raises(InputError, match="not a table"):
        read_columns([tmp_path / "t.parquet"])


def test_odd_tables_are_described_all_the_same(tmp_path: Path) -> None:
    odd = pl.DataFrame(
        {
            "^a.*$": [1.0, float("nan"), float("inf")],
            "*": [1, 2, 3],
            "nothing": [None, None, None],
            "words": ["x", "y", None],
            "list": [[1], [2], []],
            "big": [2**62, 0, 1],
        },
        schema_overrides={"nothing": pl.Float64},
    )
    odd.write_parquet(tmp_path / "t.parquet")
    odd.head(0).write_parquet(tmp_path / "empty.parquet")
    facts = {c.name: c for c in read_columns([tmp_path / "t.parquet", tmp_path / "empty.parquet"])}
    assert (facts["^a.*$"].low, facts["^a.*$"].high) == (1.0, 1.0)
    assert (facts["*"].low, facts["*"].high) == (1, 3)
    assert facts["nothing"].low is None
    assert facts["words"].values == ("x", "y")
    assert facts["list"].kind == "other"
    schema = guess_schema(list(facts.values()), "big", ())
    assert [f.name for f in schema.features] == ["^a.*$", "*"]


@given(finite, finite)
@example(1.7e308, 1.797e308)
@example(-5e-324, 5e-324)
def test_ranges_are_rounded_away_from_the_data(one: float, other: float) -> None:
    low, high = sorted((one, other))
    (feature,) = guess_schema([ColumnFacts("x", "float", low, high)], "y", ()).features
    assert feature.min is not None
    assert feature.max is not None
    assert -math.inf < feature.min <= low <= high <= feature.max < math.inf


@given(st.text(max_size=30))
def test_any_text_is_written_so_that_it_is_read_back(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    for written in (f"a: {scalar(text)}", f"a: [{scalar(text)}, x]", f"a: {{b: {scalar(text)}}}"):
        tree = read_yaml(written.encode())
        assert tree.problems == ()
        assert tree.value["a"] in (text, [text, "x"], {"b": text})


def test_links_hidden_folders_and_floods_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".strongroom").mkdir()
    (tmp_path / ".strongroom/secret.onnx").write_bytes(b"x")
    (tmp_path / "link.onnx").symlink_to("/etc/passwd")
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "more.md").touch()
    assert look(tmp_path).models == ()
    with pytest.raises(InputError, match="not a folder"):
        look(tmp_path / "none")
    with pytest.raises(LimitError, match="more than 3 files"):
        look(tmp_path, limit=3)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b'{"learner": {"feature_names": ["a", "b"]}}', ("a", "b")),
        (b'{"learner": {"feature_names": "a"}}', ()),
        (b"{" * 100_000, ()),
        (b"\x80\x04pickle", ()),
        (b"tree\nno names here\n", ()),
    ],
)
def test_feature_names_are_read_from_text_never_by_loading(
    tmp_path: Path, data: bytes, names: tuple[str, ...]
) -> None:
    (tmp_path / "m").write_bytes(data)
    assert feature_names(tmp_path / "m") == names


def strongroom(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from strongroom.cli.main import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "100"},
        check=False,
    )


def test_the_command_writes_a_manifest_that_loads_and_never_overwrites_it(tmp_path: Path) -> None:
    made = make_workshop(tmp_path / "shop")
    before = made.folder / "strongroom.yaml"
    before.unlink()
    first = strongroom("init", str(made.folder), "--set", "jurisdictions=MY", "--format", "json")
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert not [note for note in document["notes"] if "does not open" in note]
    assert load_manifest(made.folder).system.system.jurisdictions == ("MY",)
    assert (made.folder / "strongroom.schema.json").exists()
    again = strongroom("init", str(made.folder), "--yes")
    assert again.returncode == 2
    assert "there is a manifest already" in again.stderr
    (made.folder / "strongroom.yaml").unlink()
    for slip, told in {
        "colour=red": "KEY one of: target",
        "jurisdictions=UK": "UK is no country code: write GB",
    }.items():
        refused = strongroom("init", str(made.folder), "--set", slip)
        assert refused.returncode == 2
        assert told in refused.stderr
    assert not (made.folder / "strongroom.yaml").exists()


def test_a_folder_that_cannot_be_written_is_a_clear_error(folder: Path) -> None:
    (folder / "strongroom.yaml").symlink_to(folder / "nowhere/else.yaml")
    refused = strongroom("init", str(folder), "--yes")
    assert refused.returncode == 2
    assert "there is a manifest already" in refused.stderr


def test_controls_speaks_json_on_stdout_and_words_on_stderr(tmp_path: Path) -> None:
    made = make_workshop(tmp_path / "shop")
    spoken = strongroom("controls", str(made.folder), "--stage", "validation", "--format", "json")
    assert spoken.returncode == 0, spoken.stderr
    document = json.loads(spoken.stdout)
    assert document["stage"] == "validation"
    by_id = {item["id"]: item for item in document["requirements"]}
    assert by_id["SR-GO-01"]["approvals"] == 1
    assert by_id["SR-SC-01"]["checks"][0]["check"] == "supply_chain.artifact_format@1"
    assert {"framework", "edition", "id", "binding"} == set(by_id["SR-SC-01"]["references"][0])
    assert {item["id"] for item in document["not_applicable"]} >= {"SR-GO-02", "SR-LM-01"}
    words = strongroom("controls", str(made.folder), "--all")
    assert words.stdout == ""
    assert "SR-GO-02" in words.stderr
    assert "for agent; this is ml_model" in words.stderr


@pytest.mark.parametrize("name", ["taiwan_default", "creditcard_ulb"])
def test_real_data_is_understood(tmp_path: Path, name: str) -> None:
    source = SHARED / f"{name}.parquet"
    if not source.exists():
        pytest.skip(f"needs ../shared/data/tabular/{name}.parquet")
    rows = pl.read_parquet(source).head(20_000)
    rows.head(10_000).write_parquet(tmp_path / "train.parquet")
    rows.tail(10_000).write_parquet(tmp_path / "test.parquet")
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    schema = drafted(tmp_path).system.data.schema_
    if name == "taiwan_default":
        assert schema.target == "default.payment.next.month"
        assert schema.sensitive == ("SEX", "MARRIAGE", "AGE")
        assert schema.id == "ID"
    else:
        assert (schema.target, schema.time, len(schema.features)) == ("Class", "Time", 29)
