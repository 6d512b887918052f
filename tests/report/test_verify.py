"""A bundle verifies alone and offline; whatever is done to it is found and named."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.domain.decision import DECISION_TYPE, Decision, Stage
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.home.home import Home
from strongroom.keys.trust import TrustPolicy
from strongroom.report import audit, layout
from strongroom.report.verify import verify_bundle

OFFLINE = """
import sys
def refuse(event, _):
    if event.startswith(("socket.connect", "socket.bind", "sqlite3.", "subprocess.")):
        raise SystemExit(f"tried {event}")
sys.addaudithook(refuse)
sys.argv = ["strongroom", "verify", *sys.argv[1:]]
from strongroom.cli.main import run
run()
"""


def test_an_untouched_bundle_verifies_and_tells_its_story(audited):
    result = verify_bundle(audited.bundle, audited.trust)
    assert result.problems == ()
    assert result.verified
    story = "\n".join(result.story)
    for words in ("ALLOW card-fraud to production", "Approved by bob, carol", "Sealed as version"):
        assert words in story


def test_it_verifies_in_a_process_without_network_database_or_home(audited, tmp_path):
    trust = tmp_path / "trust.json"
    trust.write_bytes(audited.trust.to_bytes())
    bundle = audited.copy(tmp_path)
    command = [sys.executable, "-c", OFFLINE, bundle, "--trust", trust, "--format", "json"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert said["verified"] is True
    assert said["problems"] == []


def files(bundle: Path) -> list[str]:
    return sorted(p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file())


def kinds(bundle: Path) -> list[str]:
    """One file of each kind and folder."""
    return sorted({(Path(p).parent, "".join(Path(p).suffixes)): p for p in files(bundle)}.values())


@pytest.mark.parametrize("choose", [kinds, pytest.param(files, marks=pytest.mark.slow)])
def test_any_changed_byte_is_found_and_its_file_named(audited, tmp_path, choose):
    """At the first, the last and a random byte of each file."""
    bundle = audited.copy(tmp_path)
    own = {layout.INDEX, layout.INDEX_LEAF, layout.INDEX_PROOF}
    rng = random.Random(7)
    for path in choose(bundle):
        data = (bundle / path).read_bytes()
        for at in {0, len(data) - 1, rng.randrange(len(data))}:
            changed = bytearray(data)
            changed[at] ^= 1 << rng.randrange(8)
            (bundle / path).write_bytes(changed)
            result = verify_bundle(bundle, audited.trust)
            assert not result.verified, (path, at)
            named = {problem.path for problem in result.problems}
            assert path in named or (path in own and named & own), (path, at, result.problems)
        (bundle / path).write_bytes(data)
    assert verify_bundle(bundle, audited.trust).verified


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_byte_of_the_files_that_no_list_covers_counts(audited, tmp_path):
    bundle = audited.copy(tmp_path)
    for path in [*sorted(layout.UNLISTED), layout.VERIFIER_KEY]:
        data = (bundle / path).read_bytes()
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 1
            (bundle / path).write_bytes(changed)
            assert not verify_bundle(bundle, audited.trust).verified, (path, at)
        (bundle / path).write_bytes(data)


def test_a_missing_file_and_an_added_one_are_named(audited, tmp_path):
    bundle = audited.copy(tmp_path)
    (bundle / layout.POLICY).unlink()
    (bundle / "extra.txt").write_text("hello")
    (bundle / "link").symlink_to("/etc/hostname")
    problems = {p.path: p.reason for p in verify_bundle(bundle, audited.trust).problems}
    assert "missing" in problems[layout.POLICY]
    assert "added" in problems["extra.txt"]
    assert "link" in problems


def test_statements_swapped_for_one_another_are_found(audited, tmp_path):
    bundle = audited.copy(tmp_path)
    one, two, *_ = sorted((bundle / layout.STATEMENTS).iterdir())
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    assert len(verify_bundle(bundle, audited.trust).problems) >= 2


def without(trust: TrustPolicy, name: str) -> TrustPolicy:
    return TrustPolicy(tuple(k for k in trust.keys if k.name != name))


@pytest.mark.parametrize("name", ["registry", "ledger", "gate", "assessor", "bob"])
def test_who_does_not_trust_a_signer_does_not_verify(audited, name):
    result = verify_bundle(audited.bundle, without(audited.trust, name))
    assert not result.verified


def test_a_key_revoked_before_it_signed_does_not_count_and_one_revoked_later_does(audited):
    first = min(k.valid_from for k in audited.trust.keys)
    early, late = (
        audited.trust.revoke("gate", first),
        audited.trust.revoke("gate", first + timedelta(days=1)),
    )
    assert not verify_bundle(audited.bundle, early).verified
    assert verify_bundle(audited.bundle, late).verified


def test_a_decision_that_the_evidence_does_not_bear_out_is_found(audited, tmp_path):
    """Whoever holds the gate's key still cannot have a lie verified."""
    home_folder = shutil.copytree(audited.home, tmp_path / "home")
    with Home.open(home_folder) as home:
        honest = next(home.records(DECISION_TYPE, system="card-fraud"))
        decision = Decision.from_statement(honest.statement)
        lie = replace(
            decision,
            at=home.clock(),
            reasons=tuple(
                replace(r, outcome=Outcome.PASS, evidence=r.evidence[:1]) for r in decision.reasons
            ),
        )
        home.record(lie.to_statement(), "gate")
        chosen = audit.choose(home, audited.loaded, Stage.PRODUCTION)
        bundle = audit.write_bundle(home, audited.loaded, chosen, tmp_path / "lying", {})
        problems = verify_bundle(bundle, home.trust).problems
    assert any("does not bear it out" in p.reason for p in problems), problems


def test_a_folder_that_is_no_bundle_could_not_be_judged(audited, tmp_path):
    with pytest.raises(InputError, match="bundle"):
        verify_bundle(tmp_path, audited.trust)


def test_a_trust_policy_from_the_bundle_itself_is_refused(audited, tmp_path):
    bundle = audited.copy(tmp_path)
    (bundle / "trust.json").write_bytes(audited.trust.to_bytes())
    command = [sys.executable, "-m", "strongroom.cli", "verify", bundle]
    command += ["--trust", bundle / "trust.json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "from somebody you trust" in " ".join(run.stderr.split())
