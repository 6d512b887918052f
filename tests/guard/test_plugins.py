"""Detectors of others: found by entry point, held to a contract, and no danger to the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from strongroom.cli.guard import app
from strongroom.domain.errors import InputError
from strongroom.guard.detectors.catalog import listed, plugin_of, roster
from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.policy import ModelUse, read_policy
from strongroom.guard.records import Action, Detection

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture
def installed(monkeypatch) -> None:
    """As if `pip install acme-detectors` had been run."""
    monkeypatch.syspath_prepend(str(PLUGIN))


def guard(detectors, actions="{acme: {any: {mask: 0.5}}}", failure="block") -> Guard:
    policy = f"version: 1\nmodel: off\non_failure: {failure}\nactions: {actions}\n"
    return Guard(read_policy(policy.encode()), detectors, lambda: date(2026, 11, 22))


def test_an_installed_package_is_one_of_the_detectors(installed) -> None:
    there = roster(ModelUse.OFF).detectors
    assert there[-1].name == "acme.projects"
    judged = guard(there[-1:]).judge(Question("Send it to PROJECT-ORCHID, please"))
    assert (judged.action, judged.text) == (Action.MASK, "Send it to [PROJECT], please")
    hidden = guard(there[-1:]).judge(Question("UFJPSkVDVC1PUkNISUQgaXMgc2VjcmV0LCBub3Qgb3Vycw=="))
    assert hidden.detections[0].decoded == ("base64",)


def test_the_command_lists_ours_and_theirs(installed) -> None:
    done = CliRunner().invoke(app, ["detectors", "--format", "json"])
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)["detectors"]}
    assert rows["acme.projects"] == {
        "name": "acme.projects", "version": 2, "kinds": ["acme.project"],
        "from": "acme-detectors 1.2",
    }  # fmt: skip
    assert rows["pii.cards"]["from"] == "strongroom"
    assert len(listed(roster(ModelUse.OFF).detectors)) == len(roster(ModelUse.OFF).detectors)


@dataclass
class Bad:
    says: Any
    name: Any = "bad.one"
    version: Any = 1
    kinds: Any = ("bad",)

    def inspect(self, _):
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def saw(score: Any = 0.9, span: Any = (0, 1)) -> Detection:
    return Detection("bad.one@1", "bad", score, span)


@pytest.mark.parametrize(
    "says",
    [ValueError("4111 1111"), None, 5, ["x"], [None], [saw(2.0)], [saw(float("nan"))], [saw("1")],
     [saw(span=(0, 99))], [saw(span=(3, 1))], [saw(span=("a", "b"))], [saw(span=None)],
     [saw()] * 6_000],
    ids=lambda s: str(s)[:60],
)  # fmt: skip
@pytest.mark.parametrize("failure", ["block", "flag"])
def test_a_detector_that_fails_or_lies_is_a_failure_and_the_policy_decides(says, failure) -> None:
    judged = guard([Bad(says)], failure=failure).judge(Question("a text"))
    assert judged.action is Action(failure)
    assert judged.failures
    assert "4111" not in str(judged.failures)


@pytest.mark.parametrize(
    "bad",
    [object(), Bad([], name=""), Bad([], name="Bad Name"), Bad([], version="1"),
     Bad([], kinds="bad"), Bad([], kinds=()), Bad([], kinds=("abuse.mine",))],
    ids=["nothing", "no name", "name", "version", "kinds", "no kinds", "ours"],
)  # fmt: skip
def test_what_is_no_detector_stops_us_at_the_start(bad) -> None:
    with pytest.raises(InputError, match="acme"):
        plugin_of("acme", lambda: bad)


def test_a_plug_in_that_does_not_load_stops_us_too() -> None:
    def load():
        raise RuntimeError("no model")

    with pytest.raises(InputError, match="does not load"):
        plugin_of("acme", load)
