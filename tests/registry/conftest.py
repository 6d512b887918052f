from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.domain.decision import Stage
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.home.settings import Settings
from strongroom.registry.registry import Registry
from strongroom.registry.statements import Move
from strongroom.testing.homes import HandClock
from strongroom.testing.releases import decide, make_release


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Everything in this folder runs on SQLite and on PostgreSQL."""
    return Settings(database=database_url)


@pytest.fixture
def home(tmp_path: Path, clock: HandClock, settings: Settings) -> Iterator[Home]:
    with Home.open(tmp_path / "home", create=True, clock=clock, settings=settings) as home:
        yield home


@pytest.fixture
def registry(home: Home) -> Registry:
    return Registry(home)


class Shop:
    """Makes releases and takes them where they should be, by allowed decisions."""

    def __init__(self, folder: Path, home: Home, registry: Registry) -> None:
        self.folder = folder
        self.home = home
        self.registry = registry

    def release(self, model: bytes = b"a model", *, name: str = "fraud") -> Loaded:
        return make_release(self.folder / f"{name}-{model.hex()[:40]}", model, name=name)

    def promote(self, model: bytes, stage: Stage = Stage.DEVELOPMENT) -> Move:
        loaded = self.release(model)
        decide(self.home, loaded, stage)
        return self.registry.promote(loaded, stage)


@pytest.fixture
def shop(tmp_path: Path, home: Home, registry: Registry) -> Shop:
    return Shop(tmp_path, home, registry)
