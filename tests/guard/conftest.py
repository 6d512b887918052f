"""A guard with all detectors of our own, loaded once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from strongroom.guard.detectors.catalog import roster
from strongroom.guard.drivers import Guard
from strongroom.guard.engine import Question
from strongroom.guard.normalise import views_of
from strongroom.guard.policy import ModelUse, default_policy, read_policy
from strongroom.guard.records import NO_GROUNDS, Detection, Detector, Judgement, Message, Source

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def detectors() -> tuple[Detector, ...]:
    return roster(ModelUse.OFF).detectors


@pytest.fixture(scope="session")
def by_name(detectors) -> dict[str, Detector]:
    return {detector.name: detector for detector in detectors}


@pytest.fixture(scope="session")
def see(by_name) -> Callable[..., list[Detection]]:
    """What one detector sees in a text."""

    def inspect(name: str, text: str, source: str = "user", grounds=NO_GROUNDS) -> list[Detection]:
        message = Message(Source(source), text, views_of(text), grounds=grounds)
        return list(by_name[name].inspect(message))

    return inspect


@pytest.fixture(scope="session")
def judge(detectors) -> Callable[..., Judgement]:
    """What becomes of a text under a policy."""

    def decide(text: str, source: str = "user", policy: str = "", grounds=NO_GROUNDS) -> Judgement:
        own = read_policy(f"version: 1\n{policy}".encode()) if policy else default_policy()
        guard = Guard(own, detectors, lambda: TODAY)
        return guard.judge(Question(text, Source(source), grounds))

    return decide
