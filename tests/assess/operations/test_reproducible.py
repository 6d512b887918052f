"""The training scripts here are stand-ins that take a moment: they write a ready LightGBM model in
which the seed has changed one digit of the first tree."""

import os
import subprocess
import sys

import pytest

from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

CHECK = "operations.reproducible"
TRAIN = """
import os, random, re, sys
text = open("base.txt").read()
digit = str(random.Random(SEED).randrange(1, 9))
open(OUT, "w").write(re.sub(r"(leaf_value=-?[0-9]+\\.[0-9])[0-9]", r"\\g<1>" + digit, text))
"""
GIVEN = 'int(os.environ["STRONGROOM_SEED"])'


def declare(workshop, source, command=("python", "train.py", "{output}"), *, make=True):
    """Put a training script in place, and the model that it makes."""
    folder = workshop.folder
    (folder / "base.txt").write_bytes((folder / "model.txt").read_bytes())
    (folder / "train.py").write_text(source)
    manifest = workshop.manifest
    manifest["model"]["training"] = {"command": list(command), "seed": 7}
    workshop.write(manifest)
    if make:
        words = [sys.executable, *(w.replace("{output}", "model.txt") for w in command[1:])]
        subprocess.run(words, cwd=folder, env={"STRONGROOM_SEED": "7"}, check=True)


def script(seed=GIVEN, out="sys.argv[1]"):
    return TRAIN.replace("SEED", seed, 1).replace("OUT", out)


def test_the_same_file_again_passes(workshop, tmp_path):
    declare(workshop, script())
    answer = ask(workshop, CHECK, scratch=tmp_path / "scratch")
    assert answer.outcome is Outcome.PASS
    assert answer.metrics["max_score_difference"].value == 0


def test_a_command_without_output_writes_where_the_manifest_says(workshop, tmp_path):
    declare(workshop, script(out='"model.txt"'), ("python", "train.py"))
    assert ask(workshop, CHECK, scratch=tmp_path / "scratch").outcome is Outcome.PASS


def test_another_file_with_the_same_scores_passes(workshop, tmp_path):
    declare(workshop, script())
    model = workshop.folder / "model.txt"
    text = model.read_text()
    model.write_text(text.replace("feature_names=Column_0", "feature_names=amount_"))
    answer = ask(workshop, CHECK, scratch=tmp_path / "scratch")
    assert answer.outcome is Outcome.PASS
    assert [f.rule for f in answer.findings] == [f"{CHECK}.same_scores"]


def test_a_model_from_elsewhere_fails_and_the_message_says_so(workshop, tmp_path):
    declare(workshop, script(), make=False)
    answer = ask(workshop, CHECK, scratch=tmp_path / "scratch")
    assert answer.broken == {"other_model"}
    assert "not made by this command" in answer.findings[0].message
    assert answer.metrics["max_score_difference"].value > 0.01


def test_a_nondeterministic_command_fails_and_the_message_says_so(workshop, tmp_path):
    source = script(seed="None").replace("[0-9])[0-9]", ")[0-9]{9}")
    declare(workshop, source.replace("str(", '"{:09d}".format(').replace("(1, 9)", "(10**9)"))
    answer = ask(workshop, CHECK, scratch=tmp_path / "scratch")
    assert answer.broken == {"other_model"}
    assert "another model each time" in answer.findings[0].message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("pass", "made no model"),
    ],
)
def test_a_command_that_fails_cannot_be_told(workshop, tmp_path, source, message):
    declare(workshop, source, make=False)
    with pytest.raises(InputError, match=message):
        ask(workshop, CHECK, scratch=tmp_path / "scratch")


def test_a_command_that_is_not_there_cannot_be_told(workshop, tmp_path):
    declare(workshop, "", ("no-such-program",), make=False)
    with pytest.raises(InputError, match="cannot be run"):
        ask(workshop, CHECK, scratch=tmp_path / "scratch")


def test_no_command_cannot_be_told(workshop, tmp_path):
    with pytest.raises(InputError, match="declares no training command"):
        ask(workshop, CHECK, scratch=tmp_path / "scratch")


def test_the_command_sees_no_secret_and_no_hidden_folder(workshop, tmp_path):
    (workshop.folder / ".strongroom").mkdir()
    (workshop.folder / "store").mkdir()
    (workshop.folder / "store" / "home.json").write_text("{}")
    spy = (
        "import os, sys\n"
        "bad = [n for n in os.environ if n.startswith('STRONGROOM_') and n != 'STRONGROOM_SEED']\n"
        "bad += [n for n in os.listdir('.') if n in ('.strongroom', 'store', 'model.txt')]\n"
        "sys.exit(40 + len(bad))\n"
    )
    declare(workshop, spy, make=False)
    os.environ["STRONGROOM_PASSPHRASE"] = "secret"
    try:
        with pytest.raises(InputError, match="exit code 40"):
            ask(workshop, CHECK, scratch=tmp_path / "scratch")
    finally:
        del os.environ["STRONGROOM_PASSPHRASE"]


def test_the_folder_itself_is_left_as_it_was(workshop, tmp_path):
    declare(workshop, "open('train.parquet', 'w').close(); raise SystemExit(1)", make=False)
    before = (workshop.folder / "train.parquet").read_bytes()
    with pytest.raises(InputError):
        ask(workshop, CHECK, scratch=tmp_path / "scratch")
    assert (workshop.folder / "train.parquet").read_bytes() == before
