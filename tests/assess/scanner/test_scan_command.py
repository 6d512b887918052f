"""`strongroom scan`: the machine contract, exit codes, and files judged by their company."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.external_data_helper import convert_model_to_external_data
from tests.assess.scanner.specimens.containers import BENIGN, EVIL
from tests.assess.scanner.specimens.formats import onnx_model
from typer.testing import CliRunner

from strongroom.cli.scan import app

REVIEW = b"\x80\x04csome_package.models\nModel\n)\x81}b."


def scan(*arguments):
    """Exit code, stdout, stderr."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    return done.exit_code, done.stdout, done.stderr


def scan_as_command(*arguments):
    """The same, in a process of its own."""
    command = [sys.executable, "-m", "strongroom.cli", "scan", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/good.pkl").write_bytes(BENIGN)
    (tmp_path / "models/review.pkl").write_bytes(REVIEW)
    (tmp_path / "models/evil.pkl").write_bytes(EVIL)
    (tmp_path / "models/README.md").write_text("hello\n")
    return tmp_path / "models"


def test_json_has_every_file_with_verdict_and_findings(folder):
    code, out, _ = scan(folder, "--format", "json")
    document = json.loads(out)
    verdicts = {Path(f["path"]).name: f["verdict"] for f in document["files"]}
    assert verdicts == {
        "good.pkl": "clean",
        "review.pkl": "review",
        "evil.pkl": "block",
        "README.md": "clean",
    }
    evil = next(f for f in document["files"] if f["verdict"] == "block")
    finding = evil["findings"][0]
    assert {"id", "severity", "offset", "message", "references"} <= set(finding)
    assert finding["call"] == "os.system('true')"
    assert (
        document["totals"] | {"files": 4, "block": 1, "review": 1, "clean": 2, "unknown": 0}
        == document["totals"]
    )
    assert code == 1


@pytest.mark.parametrize(
    ("names", "options", "code"),
    [
        (["good.pkl"], [], 0),
        (["review.pkl"], [], 0),
        (["review.pkl"], ["--fail-on", "review"], 1),
        (["evil.pkl", "missing"], [], 1),
        (["missing"], [], 2),
        (["good.pkl", "missing"], [], 2),
    ],
)
def test_exit_code_is_one_for_what_was_found_and_two_for_what_could_not_be_told(
    folder, names, options, code
):
    assert scan(*[folder / name for name in names], *options)[0] == code


def test_looking_at_nothing_is_no_pass(tmp_path):
    code, _, err = scan(tmp_path)
    assert code == 2
    assert "nothing was looked at" in err


def test_text_names_the_call_the_offset_and_the_references(folder):
    _, out, err = scan(folder / "evil.pkl")
    assert "os.system('true')" in out
    assert "CWE-78" in out
    assert "1 block" in err


def test_sarif_junit_and_gitlab_are_well_formed(folder):
    sarif = json.loads(scan(folder, "--format", "sarif")[1])
    (run,) = sarif["runs"]
    assert {r["level"] for r in run["results"]} == {"error", "warning"}
    assert all(
        run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"]
    )
    suite = ET.fromstring(scan(folder, "--format", "junit")[1])
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")
    gitlab = json.loads(scan(folder, "--format", "gitlab")[1])
    assert gitlab["scan"]["type"] == "sast"
    assert {v["severity"] for v in gitlab["vulnerabilities"]} == {"Critical", "Medium"}


def test_a_thousand_files_are_one_call(tmp_path):
    for i in range(1000):
        (tmp_path / f"{i}.pkl").write_bytes(EVIL if i == 500 else BENIGN)
    code, out, _ = scan_as_command(tmp_path, "--format", "json", "--jobs", "2")
    document = json.loads(out)
    assert (code, document["totals"]["files"], document["totals"]["block"]) == (1, 1000, 1)


def test_names_that_are_not_text_are_reported_all_the_same(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\x1b[31m.pkl"
    Path(os.fsdecode(path)).write_bytes(EVIL)
    for form in ("json", "sarif", "junit", "gitlab", "text"):
        code, out, _ = scan(tmp_path, "--format", form)
        assert code == 1
        assert "\x1b" not in out


def test_links_to_files_are_followed_and_links_to_folders_are_not(folder, tmp_path):
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "model.pkl").symlink_to(folder / "evil.pkl")
    (snapshot / "again").symlink_to(tmp_path)
    code, out, _ = scan(snapshot, "--format", "json")
    assert (code, json.loads(out)["totals"]["files"]) == (1, 1)


def test_an_oci_layout_is_read_through_its_layers(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("model/weights.bin")
        info.size = len(EVIL)
        archive.addfile(info, io.BytesIO(EVIL))
    blobs = tmp_path / "blobs/sha256"
    blobs.mkdir(parents=True)
    layer = buffer.getvalue()
    (blobs / hashlib.sha256(layer).hexdigest()).write_bytes(layer)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (tmp_path / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    code, out, _ = scan(tmp_path, "--format", "json")
    assert code == 1
    assert "model/weights.bin" in out


def test_weights_beside_their_onnx_model_are_raw_numbers_not_a_riddle(tmp_path):
    weights = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [5000], weights.tobytes(), raw=True)
    model = onnx.ModelProto.FromString(onnx_model())
    model.graph.initializer.append(tensor)
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, tmp_path / "m.onnx")
    code, out, _ = scan(tmp_path, "--format", "json")
    formats = {Path(f["path"]).name: f["format"] for f in json.loads(out)["files"]}
    assert (code, formats) == (0, {"m.onnx": "onnx", "weights.bin": "onnx-weights"})
    (tmp_path / "m.onnx").unlink()
    assert scan(tmp_path)[0] == 2


def test_help_needs_no_numeric_library():
    heavy = "{'numpy', 'polars', 'sklearn'}"
    code = f"import sys, strongroom.cli.scan; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
