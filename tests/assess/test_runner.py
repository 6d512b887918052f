"""The runner: what happens to checks that misbehave, and what is kept."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from strongroom.assess.evidence_store import NoStore
from strongroom.assess.home_store import HomeStore
from strongroom.assess.orders import MAX_AGE, orders_for
from strongroom.assess.runner import Plan, run
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import EVIDENCE_TYPE, CheckId, Threshold
from strongroom.domain.outcome import Outcome
from strongroom.governance.requirement import Need
from strongroom.home.home import Home

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Notes:
    """A `Watch` that remembers."""

    def __init__(self):
        self.started_checks = []
        self.progress = []
        self.outcomes = {}

    def started(self, check):
        self.started_checks.append(check)

    def progressed(self, check, done, total):
        self.progress.append((check, done, total))

    def ended(self, assessed):
        self.outcomes[assessed.evidence.check.name] = assessed


def assess(workshop, *names, store=None, needs=(), now=NOW, plan=None, watch=None, settings=None):
    orders = orders_for(needs, settings or {}, names)
    return run(
        workshop.load(),
        orders,
        plan or Plan(seed=1, jobs=2, cores=2),
        now=lambda: now,
        store=store or NoStore(),
        watch=watch or Notes(),
    )


def only(assessed):
    (one,) = assessed
    return one.evidence


@pytest.mark.usefixtures("specimens")
class TestMisbehaviour:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("crash", "the check crashed: ValueError at crash.py:"),
            ("hang", "stopped after 1.5 s, which is its time limit"),
            ("abandon", "stopped after 1.5 s"),
            ("segfault", "died of SIGSEGV"),
            ("hog", "out of memory"),
            ("leave", "left without a word"),
            ("chatter", "more than 8388608 bytes"),
            ("meddle", "data.test changed while the check looked at it"),
        ],
    )
    def test_a_check_that_does_not_end_well_is_unknown_with_the_reason(
        self, workshop, name, reason
    ):
        evidence = only(assess(workshop, f"specimen.{name}"))
        assert evidence.outcome is Outcome.UNKNOWN
        assert reason in evidence.stopped

    @pytest.mark.parametrize(
        ("name", "message"),
        [("babble", "nan has no exact JSON form"), ("peek", "did not declare that it needs model")],
    )
    def test_a_check_that_breaks_the_rules_is_unknown_with_a_finding(self, workshop, name, message):
        evidence = only(assess(workshop, f"specimen.{name}"))
        assert evidence.outcome is Outcome.UNKNOWN
        assert message in evidence.findings[0].message

    def test_what_was_said_before_the_end_is_kept(self, workshop):
        evidence = only(assess(workshop, "specimen.crash"))
        assert [f.rule for f in evidence.findings] == ["specimen.crash.before"]

    def test_a_crash_does_not_carry_its_text_into_evidence(self, workshop):
        evidence = only(assess(workshop, "specimen.crash"))
        assert b"4111111111111111" not in evidence.to_statement().payload()

    def test_a_silent_check_proves_nothing(self, workshop):
        assert only(assess(workshop, "specimen.silent")).outcome is Outcome.UNKNOWN

    def test_others_are_not_held_up_and_nothing_is_left_behind(self, workshop):
        start = time.monotonic()
        assessed = assess(workshop, "specimen.hang", "specimen.count", "specimen.crash")
        assert [a.evidence.outcome.value for a in assessed] == ["pass", "unknown", "unknown"]
        assert time.monotonic() - start < 30
        assert not _processes("sleep", "1000")

    def test_a_memory_limit_is_heeded(self, workshop):
        evidence = only(assess(workshop, "specimen.gulp", plan=Plan(seed=1, memory=3 * 2**30)))
        assert evidence.stopped == "out of memory at 3072 MiB"

    def test_the_callers_time_limit_overrides_the_authors(self, workshop):
        start = time.monotonic()
        evidence = only(assess(workshop, "specimen.hang", plan=Plan(seed=1, time_limit=0.3)))
        assert evidence.stopped == "stopped after 0.3 s, which is its time limit"
        assert time.monotonic() - start < 20

    def test_progress_and_ends_are_told(self, workshop):
        notes = Notes()
        assess(workshop, "specimen.count", watch=notes)
        assert notes.started_checks == ["specimen.count"]
        assert notes.progress[0] == ("specimen.count", 0, 3)
        assert set(notes.outcomes) == {"specimen.count"}

    def test_cores_are_shared_among_jobs(self, workshop):
        evidence = only(assess(workshop, "specimen.count", plan=Plan(seed=1, jobs=2, cores=8)))
        assert evidence.metric("threads").value == 4

    def test_each_threshold_is_one_finding_judged_by_the_bad_end(self, workshop):
        check = CheckId("specimen.count", 1)
        needs = [
            Need(check, (Threshold("rows", at_least=7), Threshold("none", at_least=0))),
            Need(check, (Threshold("rows", at_least=9),), timedelta(days=7)),
        ]
        evidence = only(assess(workshop, needs=needs))
        judged = {f.where: f for f in evidence.findings if f.rule == "specimen.count.threshold"}
        assert {w: f.outcome.value for w, f in judged.items()} == {
            "rows": "unknown",  # 8 to 12, at least 9: the tighter of the two
            "none": "unknown",
        }
        assert "was not measured" in judged["none"].message
        assert evidence.expires_at - evidence.effective_at == timedelta(days=7)
        assert {f.rule for f in evidence.own_findings} == {"specimen.count.done"}


@pytest.mark.usefixtures("specimens")
class TestEvidence:
    def test_evidence_names_everything_that_was_looked_at(self, workshop):
        evidence = only(assess(workshop, "specimen.count"))
        loaded = workshop.load()
        assert {s.name for s in evidence.subjects} == {"data.test", "manifest"}
        assert {s.name: s.digest for s in evidence.subjects}["manifest"] == loaded.digest
        assert evidence.effective_at == NOW
        assert evidence.expires_at == NOW + MAX_AGE
        assert evidence.environment["seed"] == "1"
        assert "polars" in evidence.environment

    def test_same_subjects_version_and_configuration_are_not_run_again(self, workshop, home):
        first = assess(workshop, "specimen.count", store=HomeStore(home))
        notes = Notes()
        again = assess(workshop, "specimen.count", store=HomeStore(home), watch=notes)
        assert notes.started_checks == []
        assert again[0].reused
        assert again[0].digest == first[0].digest
        assert again[0].evidence == first[0].evidence

    @pytest.mark.parametrize(
        "change",
        ["data", "manifest", "seed", "expired", "fresh", "thresholds"],
    )
    def test_anything_that_changes_runs_the_check_again(self, workshop, home, change):
        store = HomeStore(home)
        assess(workshop, "specimen.count", store=store)
        now, plan, needs = NOW + timedelta(hours=1), Plan(seed=1), ()
        match change:
            case "data":
                workshop.put("test", workshop.frame("test").head(10))
            case "manifest":
                workshop.write({**workshop.manifest, "fallback": "The duty desk's rules."})
            case "seed":
                plan = Plan(seed=2)
            case "expired":
                now = NOW + MAX_AGE
            case "fresh":
                plan = Plan(seed=1, fresh=True)
            case "thresholds":
                needs = [Need(CheckId("specimen.count", 1), (Threshold("rows", at_least=1),))]
        again = assess(workshop, "specimen.count", store=store, now=now, plan=plan, needs=needs)
        assert not again[0].reused

    def test_a_check_that_did_not_end_is_run_again(self, workshop, home):
        store = HomeStore(home)
        assess(workshop, "specimen.crash", store=store)
        assert not assess(workshop, "specimen.crash", store=store)[0].reused

    def test_evidence_of_a_key_that_may_not_sign_it_is_not_reused(self, workshop, home):
        store = HomeStore(home)
        assess(workshop, "specimen.count", store=store)
        home.revoke_key("assessor", NOW - timedelta(days=1))
        notes = Notes()
        assess(workshop, "specimen.count", store=store, watch=notes)
        assert notes.started_checks == ["specimen.count"]

    def test_evidence_is_recorded_as_it_comes_and_a_killed_run_goes_on(self, workshop, tmp_path):
        """Kill a run while its second check hangs: the first check's evidence is there."""
        child = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(workshop.folder), str(tmp_path / "home")],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent / "plugin")},
            stdout=subprocess.PIPE,
        )
        assert child.stdout.readline() == b"specimen.count\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        _eventually(lambda: not _processes("sleep", "1000"))
        with Home.open(tmp_path / "home") as home:
            kept = list(home.records(EVIDENCE_TYPE))
            assert [r.statement.predicate["check"] for r in kept] == ["specimen.count@1"]
            again = assess(
                workshop, "specimen.count", store=HomeStore(home), now=datetime.now(UTC),
                plan=Plan(seed=1, jobs=1),
            )  # fmt: skip
            assert again[0].reused


_RUN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from strongroom.assess.home_store import HomeStore
from strongroom.assess.orders import orders_for
from strongroom.assess.runner import Plan, run
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home

class Watch:
    def started(self, check): pass
    def progressed(self, check, done, total): pass
    def ended(self, assessed): print(assessed.evidence.check.name, flush=True)

if __name__ == "__main__":
    with Home.open(Path(sys.argv[2]), create=True) as home:
        run(
            load_manifest(Path(sys.argv[1])),
            orders_for((), {}, ("specimen.count", "specimen.hang")),
            Plan(seed=1, jobs=2, time_limit=600),
            now=lambda: datetime.now(UTC),
            store=HomeStore(home),
            watch=Watch(),
        )
"""


class TestOrders:
    def test_an_unknown_check_is_an_error_that_lists_the_others(self):
        with pytest.raises(InputError, match=r"there is no check data.schemas") as caught:
            orders_for((), {}, ("data.schemas",))
        assert "data.schema" in caught.value.fix

    def test_a_setting_that_nobody_knows_is_an_error_that_names_it(self):
        with pytest.raises(InputError) as caught:
            orders_for((), {"data.schema": {"stric": True}}, ("data.schema",))
        assert caught.value.where == "settings.data.schema.stric"


class TestBadInput:
    def test_what_the_manifest_does_not_declare_is_unknown_without_a_run(self, workshop):
        manifest = {k: v for k, v in workshop.manifest.items() if k not in {"data", "model"}}
        manifest["system"]["kind"] = "llm_app"
        workshop.write(manifest)
        notes = Notes()
        evidence = only(assess(workshop, "data.schema", watch=notes))
        assert evidence.outcome is Outcome.UNKNOWN
        assert "declares no data.train" in evidence.findings[0].message
        assert notes.started_checks == []

    def test_a_file_that_is_not_there_is_unknown(self, workshop):
        (workshop.folder / "train.parquet").unlink()
        evidence = only(assess(workshop, "data.schema"))
        assert evidence.outcome is Outcome.UNKNOWN
        assert "data.train is not there" in evidence.findings[0].message

    @pytest.mark.parametrize("junk", [b"", b"PAR1", b"\xff\xfe\x00", b"a,b\n1,2,3\n"])
    def test_a_table_that_is_none_is_unknown(self, workshop, junk):
        (workshop.folder / "train.parquet").write_bytes(junk)
        assert only(assess(workshop, "data.schema")).outcome is not Outcome.PASS

    def test_a_csv_is_read_like_a_parquet(self, workshop):
        manifest = workshop.manifest
        for table in ("train", "test"):
            workshop.frame(table).write_csv(workshop.folder / f"{table}.csv")
            manifest["data"][table]["path"] = f"{table}.csv"
        workshop.write(manifest)
        assert only(assess(workshop, "data.schema")).outcome is Outcome.PASS

    @pytest.mark.slow
    def test_ten_million_rows_are_assessed(self, workshop):
        test = workshop.frame("test")
        many = pl.concat([test] * 6700).with_columns(time=pl.int_range(pl.len()) + 90_000)
        workshop.put("test", many)
        checks = ("data.schema", "data.leakage", "performance.discrimination")
        assessed = assess(workshop, *checks, "performance.calibration", plan=Plan(seed=1))
        assert all(a.evidence.stopped is None for a in assessed)
        assert assessed[3].evidence.metric("auc").n == many.height


def _processes(*words):
    found = []
    for folder in Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes().split(b"\0")
        except (OSError, NotADirectoryError):
            continue
        if [w.decode() for w in line[: len(words)]] == list(words):
            found.append(folder.name)
    return found


def _eventually(holds, seconds=10):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
