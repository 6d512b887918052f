"""A gateway tells its decisions to others, and loads only policies that are vouched for."""

from __future__ import annotations

import json
import urllib.request

import pytest
from tests.guard.events.test_writers import objections
from tests.guard.gateway.conftest import CONFIG, POLICY, running, write_config
from tests.guard.gateway.test_trouble import ASK, post

from strongroom.domain.errors import InputError, TrustError
from strongroom.guard.events.anchoring import verify
from strongroom.guard.events.content import open_texts
from strongroom.guard.events.reading import read_events
from strongroom.guard.gateway.serving import prepare
from strongroom.guard.gateway.workers import Workers
from strongroom.guard.records import Source
from strongroom.guard.signing import sign_policy
from strongroom.home.home import Home
from strongroom.keys.trust import Role

KEY = "ab" * 32
RECORD = "record: {{file: decisions.jsonl, hmac_key: {{file: upstream.key}}}}"
TOLD = """
record:
  file: decisions.jsonl
  hmac_key: {{file: upstream.key}}
  content_key: {{file: content.key}}
  anchor: {{home: home, seconds: 3600}}
telemetry: {{ocsf: ocsf.jsonl}}
"""
CARD = {**ASK, "messages": [{"role": "user", "content": "My card 4111 1111 1111 1111"}]}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A gateway that answered twice and was stopped; its folder, and its metrics."""
    folder = tmp_path_factory.mktemp("told")
    Home.open(folder / "home", create=True).close()
    (folder / "content.key").write_text(KEY)
    with running(folder, CONFIG.replace(RECORD, TOLD), POLICY + "content: sealed\n") as gate:
        for body in (ASK, CARD):
            assert post(gate, body)[0] == 200
        with urllib.request.urlopen(f"{gate.url}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
    return folder, metrics


def test_every_decision_is_told_in_ocsf(told) -> None:
    folder, _ = told
    lines = [json.loads(line) for line in (folder / "ocsf.jsonl").read_text().splitlines()]
    assert [line["class_uid"] for line in lines] == [6003, 6003, 2004, 6003]
    assert all(objections(line) == [] for line in lines)
    assert "4111 1111" not in (folder / "ocsf.jsonl").read_text()


def test_metrics_are_counted_and_say_what_was_dropped(told) -> None:
    _, metrics = told
    assert 'strongroom_guard_detections_total{kind="pii.pan"} 1.0' in metrics
    assert "strongroom_guard_judging_seconds_count 4.0" in metrics
    assert "strongroom_guard_events_dropped_total 0.0" in metrics


def test_texts_are_kept_sealed_where_the_policy_says_so(told) -> None:
    folder, _ = told
    assert "4111 1111" not in (folder / "decisions.jsonl").read_text()
    events = list(read_events(folder / "decisions.jsonl"))
    kept = open_texts(events[2], bytes.fromhex(KEY))
    assert kept.texts == ((Source.USER, "My card 4111 1111 1111 1111"),)
    assert events[2].chars == 27
    assert events[0].conversation == events[1].conversation != events[2].conversation


def test_the_log_is_anchored_when_the_gateway_ends(told) -> None:
    folder, _ = told
    with Home.open(folder / "home") as home:
        proof = verify(home, folder / "decisions.jsonl", "decisions")
    assert (proof.lines, proof.unanchored, proof.flaws) == (4, 0, ())


def test_a_policy_that_wants_texts_kept_needs_a_key(tmp_path) -> None:
    path = write_config(tmp_path, "http://127.0.0.1:1", policy=POLICY + "content: sealed\n")
    with pytest.raises(InputError, match="content_key"):
        prepare(path, Workers())


def test_with_a_trust_policy_only_signed_policies_are_loaded(tmp_path) -> None:
    config = CONFIG + "signed: {{trust: home/trust.json}}\n"
    with Home.open(tmp_path / "home", create=True) as home:
        home.add_key("olga", (Role.GUARD_POLICY,))
        path = write_config(tmp_path, "http://127.0.0.1:1", config, POLICY + "revision: 1\n")
        with pytest.raises(TrustError, match="is not signed"):
            prepare(path, Workers())
        sign_policy(home, tmp_path / "policy.yaml", "olga", None)
    assert prepare(path, Workers()).callers
    (tmp_path / "policy.yaml").write_text(POLICY + "revision: 1\nenforce: false\n")
    with pytest.raises(Exception, match="not the file that was signed"):
        prepare(path, Workers())
