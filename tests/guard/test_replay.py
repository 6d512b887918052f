"""Replay tells what another policy would have done, and what it cannot tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from strongroom.cli.guard import app
from strongroom.domain.errors import IntegrityError
from strongroom.guard.drivers import Guard
from strongroom.guard.events.content import seal_texts
from strongroom.guard.events.event import Event
from strongroom.guard.policy import read_policy
from strongroom.guard.records import Action, Source
from strongroom.guard.replay import Case, Unknown, cases_of_log, replay

KEY = bytes(range(32))
AT = datetime(2026, 11, 22, tzinfo=UTC)
CARD = ((Source.USER, "card 4111 1111 1111 1111"),)
EVENT = Event(AT, "sr_1", "input", "mask", "mask", 1.0, "p", 1, "cd")
STRICT = b"version: 1\nmodel: off\nactions:\n  pii.pan: {any: {block: 0.6}}\n"


@pytest.fixture(scope="module")
def guards(detectors):
    texts = (b"version: 1\nmodel: off\n", STRICT)
    return [Guard(read_policy(text), detectors, lambda: date(2026, 11, 22)) for text in texts]


def kept(texts=CARD, **changes) -> Event:
    event = replace(EVENT, **changes)
    return replace(event, sealed=seal_texts(texts, KEY, event.uid))


def test_the_same_policy_changes_nothing_and_a_harder_one_what_it_blocks(guards) -> None:
    events = [kept(), kept(((Source.USER, "Hello"),), id="sr_2", action="allow", would="allow")]
    same = replay(cases_of_log(events, KEY), guards[0], None)
    assert (same.replayed, same.changed) == (2, 0)
    harder = replay(cases_of_log(events, KEY), guards[1], None)
    assert harder.moves == {("mask", "block"): 1, ("allow", "allow"): 1}
    assert harder.changes[0].kinds_after == ("pii.pan",)
    assert "4111 1111" not in json.dumps(harder.to_json())


def test_compared_is_what_would_be_done_not_what_observing_did(guards) -> None:
    result = replay(cases_of_log([kept(action="flag")], KEY), guards[0], None)
    assert result.moves == {("mask", "mask"): 1}


def test_what_cannot_be_replayed_is_told_with_its_reason(guards) -> None:
    events = [EVENT, kept(), replace(EVENT, reason="image")]
    result = replay(cases_of_log(events, None), guards[0], None)
    assert result.replayed == 0
    assert sorted(result.unknown) == [
        "decided without judging a text",
        "its content is sealed, and no key was given",
        "its content was not kept",
    ]
    assert replay([Case("1", CARD)], guards[0], None).replayed == 0


def test_another_key_is_no_reason_but_an_error() -> None:
    with pytest.raises(IntegrityError):
        list(cases_of_log([kept()], bytes(32)))


def test_decisions_that_rest_on_a_conversation_are_named(guards) -> None:
    case = Case("1", ((Source.OUTPUT, "fine"),), Action.BLOCK, ("leak.prompt",))
    result = replay([case, Unknown("2", "why")], guards[0], None)
    assert result.cautious == 1


def test_the_verb_reads_a_log_and_texts(tmp_path) -> None:
    (tmp_path / "new.yaml").write_bytes(STRICT)
    (tmp_path / "old.yaml").write_bytes(b"version: 1\nmodel: off\n")
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "log").write_text(json.dumps(kept().to_json()) + "\n")
    (tmp_path / "texts").write_text(json.dumps({"id": 7, "text": CARD[0][1]}) + "\n")
    new, key = ["--policy", str(tmp_path / "new.yaml")], ["--key", str(tmp_path / "key")]
    run = CliRunner().invoke(app, ["replay", str(tmp_path / "log"), *new, *key, "--format", "json"])
    assert run.exit_code == 1
    assert json.loads(run.stdout)["moves"] == [{"before": "mask", "after": "block", "count": 1}]
    assert CliRunner().invoke(app, ["replay", str(tmp_path / "log"), *new]).exit_code == 2
    old = ["--old", str(tmp_path / "old.yaml"), "--format", "json"]
    run = CliRunner().invoke(app, ["replay", str(tmp_path / "texts"), *new, *old])
    assert json.loads(run.stdout)["examples"][0]["id"] == "7"
    opened = CliRunner().invoke(app, ["log", "open", str(tmp_path / "log"), *key])
    assert json.loads(opened.stdout)["text"] == CARD[0][1]
