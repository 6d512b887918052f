"""The command tree: light to start, verbs real, errors in words, exit codes that mean things."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.cli.main import EXTRA_OF, VERBS
from strongroom.home.home import Home
from strongroom.testing.systems import make_workshop

HEAVY = {
    "catboost", "duckdb", "fastapi", "joblib", "lightgbm", "matplotlib", "mlflow", "numpy",
    "onnxruntime", "pandas", "polars", "psycopg", "pyarrow", "scipy", "skl2onnx", "sklearn",
    "skops", "sqlite3", "starlette", "torch", "typst", "uvicorn", "xgboost",
}  # fmt: skip


def strongroom(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "strongroom.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_help_imports_no_ml_library_web_framework_or_database_driver():
    code = (
        "import sys; sys.argv = ['strongroom', '--help']\n"
        "from strongroom.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "rollback" in run.stdout
    loaded = set(eval(run.stderr))  # our own list, printed one line above
    assert "typer" in loaded
    assert not loaded & HEAVY


def test_the_verbs_of_the_core_import_no_extra():
    verbs = ["gate", "promote", "open", "verify", "keys", "ledger", "rollback", "scan", "shred"]
    code = (
        "import sys\n"
        + "".join(f"import strongroom.cli.{verb}\n" for verb in verbs)
        + "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(eval(run.stdout)) & set(EXTRA_OF)  # our own list, as above


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_there_and_explains_itself(verb):
    run = strongroom(verb, "--help")
    assert run.returncode == 0, run.stderr
    assert "Usage: strongroom" in run.stdout


def test_an_unknown_verb_could_not_be_told():
    run = strongroom("gates")
    assert run.returncode == 2
    assert "gates" in run.stderr


def test_a_missing_manifest_is_an_error_in_words_on_stderr_alone(tmp_path):
    run = strongroom("gate", tmp_path, "--to", "production", "--format", "json")
    assert run.returncode == 2
    assert run.stdout == ""
    assert "strongroom.yaml" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_version_is_printed():
    assert strongroom("--version").stdout.startswith("strongroom 0.")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return make_workshop(tmp_path_factory.mktemp("cli") / "system")


def test_gate_approve_and_waive_meet_the_machine_contract(workshop, tmp_path):
    """One check's evidence, then a decision that names it, approvals and waivers included."""
    home = ("--home", tmp_path / "home", "--format", "json")
    run = strongroom("assess", workshop.folder, "--check", "data.schema", *home)
    assert run.returncode == 0, run.stderr
    (said,) = json.loads(run.stdout)["evidence"]
    assert said["check"] == "data.schema@1"

    run = strongroom("gate", workshop.folder, "--to", "production", *home)
    assert run.returncode == 1, run.stderr
    decision = json.loads(run.stdout)
    assert decision["decision"] == "deny"
    reasons = {r["id"]: r for r in decision["requirements"]}
    assert reasons["SR-DA-01"]["outcome"] == "pass"
    assert reasons["SR-DA-01"]["evidence"] == [said["digest"]]

    for name, role in (("bob", "approval"), ("rita", "waiver")):
        run = strongroom("keys", "new", name, "--role", role, *home)
        assert run.returncode == 0, run.stderr
    words = ("--statement", "I read the evidence")
    run = strongroom(
        "approve", workshop.folder, "--stage", "production", "--key", "bob", *words, *home
    )
    assert run.returncode == 0, run.stderr
    waiver = ("--requirement", "SR-GO-02", "--owner", "rita", "--reason", "pilot")
    run = strongroom("waive", workshop.folder, *waiver, "--until", "2999-01-01", *home)
    assert run.returncode == 0, run.stderr
    decision = json.loads(strongroom("gate", workshop.folder, "--to", "production", *home).stdout)
    reason = {r["id"]: r for r in decision["requirements"]}["SR-GO-02"]
    assert "1 of 2 approvals" in reason["reason"]
    assert "waived by rita until 2999-01-01: pilot" in reason["reason"]


APPROVE = ("approve", "--stage", "production")
WAIVE = ("waive", "--owner", "rita", "--reason", "x")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*APPROVE, "--key", "alice", "--statement", "x"), "may not approve"),
        ((*APPROVE, "--key", "bob", "--statement", " "), "without a word"),
        ((*WAIVE, "--requirement", "SR-GO-02", "--until", "2001-01-01"), "past"),
        ((*WAIVE, "--requirement", "SR-XX-99", "--until", "2999-01-01"), "SR-XX-99"),
    ],
)
def test_what_may_not_be_signed_is_refused_in_words(workshop, tmp_path, arguments, words):
    verb, *options = arguments
    with Home.open(tmp_path / "home", create=True):
        pass
    run = strongroom(verb, workshop.folder, *options, "--home", tmp_path / "home")
    assert run.returncode == 2
    assert words in " ".join(run.stderr.split())
