"""What a recorded run says: what went in, what came out, what nobody could see."""

import os
import signal
import subprocess
import sys

import pytest

from strongroom.assess.provenance.known import keep, known_provenance
from strongroom.assess.provenance.surroundings import without_secrets
from strongroom.assess.provenance.trace import read_trace
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError
from strongroom.domain.predicates import FAILED_RUN_TYPE, SLSA_TYPE
from strongroom.domain.provenance import DECLARED, OBSERVED, Provenance
from strongroom.domain.statement import Statement
from strongroom.governance.artifacts import digest_artifact
from strongroom.home.home import Home


def test_inputs_outputs_code_and_packages_are_told(watch, system):
    made = watch().provenance
    assert made.output("model").digest == digest_artifact(system / "model")
    assert made.output("metrics.json").known == (OBSERVED,)
    train = made.input("data.train")
    assert train.digest == digest_artifact(system / "train.csv")
    assert train.known == (DECLARED, OBSERVED)
    assert made.input("notes.txt").digest == sha256(b"gently")
    assert made.input("train.py") is not None
    assert made.input("metrics.json") is None
    assert len(made.commit.id) == 40
    assert not made.commit.dirty
    assert {"numpy", "lightgbm"} <= {p.name for p in made.packages}
    assert made.logs["stdout"] == sha256(b"trained\n")
    assert made.completeness["python_watched"]
    assert not made.completeness["native_reads_seen"]


def test_it_reads_back_from_its_statement(watch):
    made = watch().provenance
    statement = made.to_statement()
    assert statement.predicate_type == SLSA_TYPE
    assert Provenance.from_statement(Statement.parse(statement.payload())) == made


def test_a_failed_run_proves_no_output(watch, system):
    made = watch(sys.executable, "-c", "open('model/model.bin', 'w'); raise SystemExit(3)")
    assert made.provenance.exit_code == 3
    assert made.provenance.outputs == ()
    statement = made.provenance.to_statement()
    assert statement.predicate_type == FAILED_RUN_TYPE
    assert [s.name for s in statement.subjects] == ["manifest"]


def test_what_was_there_and_was_not_written_is_no_output(watch):
    """Also when it was asked for: then it is missing."""
    recorded = watch(sys.executable, "-c", "print(1)")
    assert recorded.provenance.outputs == ()
    assert recorded.provenance.to_statement().predicate_type == FAILED_RUN_TYPE


def test_an_output_that_was_asked_for_and_not_written_is_missing(watch, system):
    recorded = watch(outputs=(system / "card.txt",))
    assert recorded.missing == ("card.txt",)


def test_the_same_bytes_written_again_are_an_output(watch, system):
    watch()
    again = watch().provenance
    assert again.output("model").digest == digest_artifact(system / "model")


def test_data_that_changes_meanwhile_is_told_by_its_digest_before(watch, system):
    before = digest_artifact(system / "train.csv")
    code = "import os; os.system('echo 9,9 >> notes.txt'); open('model/model.bin','a').write('x')"
    made = watch(sys.executable, "-c", code, inputs=(system / "notes.txt",)).provenance
    assert made.input("data.train").digest == before
    assert made.input("notes.txt").changed
    assert made.input("notes.txt").digest == sha256(b"gently")
    assert not made.completeness["inputs_stable"]


def test_a_changed_script_and_an_untracked_one_make_the_code_dirty(watch, system):
    with (system / "train.py").open("a") as file:
        file.write("# later\n")
    (system / "helper.py").write_text("")
    made = watch().provenance
    assert made.commit.modified == ("train.py",)
    assert made.commit.untracked == ("helper.py",)


def test_without_git_no_commit_is_told(watch, system):
    (system / ".git").rename(system.parent / "elsewhere")
    assert watch().provenance.commit is None


def test_a_command_that_is_no_python_is_recorded_and_says_so(watch):
    made = watch("sh", "-c", "cat train.csv > model/model.bin").provenance
    assert made.output("model") is not None
    assert not made.completeness["python_watched"]
    assert not made.completeness["packages_known"]


def test_python_children_are_watched_too(watch, system):
    child = "import subprocess, sys; subprocess.run([sys.executable, 'train.py'], check=True)"
    assert watch(sys.executable, "-c", child).provenance.input("notes.txt") is not None


def test_only_variables_of_the_list_are_kept(watch):
    given = {"PYTHONHASHSEED": "7", "DATABASE_PASSWORD": "hunter2", "CI_JOB_ID": "42"}
    made = watch(variables=given).provenance
    assert made.environment["PYTHONHASHSEED"] == "7"
    assert made.context["CI_JOB_ID"] == "42"
    assert b"hunter2" not in made.to_statement().payload()


def test_a_sitecustomize_of_the_users_own_still_runs(watch, system):
    place = system.parent / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text("import os; os.environ['MINE'] = 'yes'")
    code = "import os; open('model/model.bin', 'w').write(os.environ['MINE'])"
    watch(sys.executable, "-c", code, variables={"PYTHONPATH": str(place)})
    assert (system / "model/model.bin").read_text() == "yes"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("t", "--token", "abc", "x"), ("t", "--token", "***", "x")),
        (("t", "--api-key=abc"), ("t", "--api-key=***")),
        (("env", "DB_PASSWORD=abc"), ("env", "DB_PASSWORD=***")),
        (("t", "postgres://u:p@host/db"), ("t", "postgres://***@host/db")),
        (("t", "--seed", "7"), ("t", "--seed", "7")),
    ],
    ids=["option", "equals", "assignment", "address", "plain"],
)
def test_secrets_on_the_command_line_are_struck_out(given, told):
    assert without_secrets(given) == told


def test_a_command_that_does_not_exist_is_an_error(watch):
    with pytest.raises(InputError, match="cannot be started"):
        watch("no-such-program-anywhere")


def test_notes_that_are_malformed_are_not_believed(tmp_path):
    """The command that is watched could write there itself."""
    notes = tmp_path / "trace"
    notes.write_bytes(b'\xff\n[]\n{"package": [1]}\n{"open": 5}\n{"open": "/a", "write": false}\n')
    trace = read_trace(notes)
    assert not trace.whole
    assert trace.read == {"/a"}
    assert not trace.packages


def test_a_recorded_run_is_signed_logged_and_found_again(watch, tmp_path):
    made = watch().provenance
    with Home.open(tmp_path / "home", create=True) as home:
        record = keep(home, made)
        (known,) = known_provenance(home, "fraud")
        assert known.provenance == made
        assert known.statement == record.digest
        keep(home, watch(sys.executable, "-c", "raise SystemExit(1)").provenance)
        assert len(known_provenance(home, "fraud")) == 1


def strongroom(*words, cwd, **options):
    program = "from strongroom.cli.main import run; run()"
    command = [sys.executable, "-c", program, *words]
    return subprocess.Popen(
        command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_the_exit_code_and_the_output_are_passed_on(system):
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    run = strongroom("record", "--", sys.executable, "-c", code, cwd=system)
    out, err = run.communicate()
    assert run.returncode == 7
    assert out == "out\n"
    assert err.startswith("err\n")
    assert "proves no output" in err


def test_a_signal_reaches_the_command_and_the_run_is_recorded_as_failed(system):
    code = "import time; print('here', flush=True); time.sleep(60)"
    run = strongroom("record", "--", sys.executable, "-c", code, cwd=system)
    assert run.stdout.readline() == "here\n"
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate()
    assert run.returncode == 128 + signal.SIGTERM
    assert "proves no output" in err


def test_a_killed_recorder_leaves_the_home_as_it_was(system):
    code = "import os; print(os.getpid(), flush=True); import time; time.sleep(60)"
    run = strongroom("record", "--", sys.executable, "-c", code, cwd=system)
    child = int(run.stdout.readline())
    run.kill()
    run.wait()
    os.kill(child, signal.SIGKILL)
    run.communicate()
    with Home.open(system / ".strongroom") as home:
        assert list(home.records(SLSA_TYPE)) == []
        assert list(home.records(FAILED_RUN_TYPE)) == []
        assert home.ledger.verify(home.ledger.key).problems == ()
