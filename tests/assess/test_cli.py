"""`strongroom assess` as a program: exit codes, what goes to stdout, files."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

QUICK = ("--check", "data.schema", "--check", "data.leakage")


def strongroom(workshop, *words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "strongroom.cli", "assess", str(workshop.folder), *words],
        env={**os.environ, "STRONGROOM_HOME": str(workshop.folder.parent / "home"), **environment},
        capture_output=True,
        check=False,
    )


def test_all_pass_is_exit_0_and_json_is_alone_on_stdout(workshop):
    done = strongroom(workshop, *QUICK, "--format", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["system"] == "card-fraud"
    assert [e["check"] for e in document["evidence"]] == ["data.leakage@1", "data.schema@1"]
    assert done.stdout.count(b"\n") == 1


def test_words_for_people_go_to_stderr_with_figures_and_reasons(workshop):
    workshop.put("train", workshop.frame("train").drop("amount"))
    done = strongroom(workshop, "--check", "data.schema", COLUMNS="160")
    assert done.returncode == 1
    assert done.stdout == b""
    words = done.stderr.decode()
    assert "data.schema@1" in words
    assert "violations 1" in words
    assert "column amount is missing" in words
    assert "\x1b[" not in words


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("--check", "operations.reproducible"), id="unknown"),
        pytest.param(("--check", "no.such"), id="no such check"),
        pytest.param(("--jobs", "0"), id="no jobs"),
    ],
)
def test_what_cannot_be_told_is_exit_2(workshop, words):
    done = strongroom(workshop, *words)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_broken_manifest_is_exit_2_and_makes_no_home(workshop):
    (workshop.folder / "strongroom.yaml").write_text("version: [")
    done = strongroom(workshop)
    assert done.returncode == 2
    assert b"strongroom.yaml" in done.stderr
    assert not (workshop.folder.parent / "home").exists()


def test_evidence_is_used_again_unless_fresh_is_asked_for(workshop):
    def reused(*words):
        done = strongroom(workshop, "--check", "data.schema", "--format", "json", *words)
        return json.loads(done.stdout)["evidence"][0]["reused"]

    assert [reused(), reused(), reused("--fresh")] == [False, True, False]


def test_all_formats_are_written_and_can_be_read(workshop, tmp_path):
    done = strongroom(workshop, *QUICK, "--write", str(tmp_path / "out"), "--format", "sarif")
    assert json.loads(done.stdout)["version"] == "2.1.0"
    out = tmp_path / "out"
    assert json.loads((out / "assess.json").read_bytes())["system"] == "card-fraud"
    assert json.loads((out / "assess.sarif").read_bytes()) == json.loads(done.stdout)
    assert ET.parse(out / "assess.junit.xml").getroot().get("tests") == "2"


def test_junit_goes_to_stdout(workshop):
    done = strongroom(workshop, "--check", "data.schema", "--format", "junit")
    assert ET.fromstring(done.stdout).get("failures") == "0"


def test_a_folder_that_cannot_be_written_is_an_error(workshop, tmp_path):
    (tmp_path / "file").write_text("")
    where = str(tmp_path / "file" / "out")
    done = strongroom(workshop, "--check", "data.schema", "--write", where)
    assert done.returncode == 2
    assert where.encode() in done.stderr.replace(b"\n", b"")
