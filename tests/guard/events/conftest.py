"""One event of each kind, as the gateway makes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from strongroom.guard.events.event import Event, Seen

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAN = Seen("pii.cards@1", "pii.pan", 1.0, (8, 27), ("base64",))


@pytest.fixture
def clean() -> Event:
    return Event(AT, "sr_1", "output", "allow", "allow", 0.0, "sha256:aa", 900, "ab" * 32,
                 tenant="shop", key="till", route="chat", model="m-1", upstream="openai",
                 streamed=True, chars=5)  # fmt: skip


@pytest.fixture
def found() -> Event:
    return Event(AT, "sr_1", "input", "mask", "mask", 1.0, "sha256:aa", 1500, "cd" * 32,
                 detections=(PAN,), tenant="shop", key="till", route="chat", model="m-1",
                 upstream="openai", conversation="c-77", chars=40)  # fmt: skip
