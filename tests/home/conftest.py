from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.home.home import Home
from strongroom.home.settings import Settings
from strongroom.testing.homes import HandClock

Opener = Callable[..., Home]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(folder: Path, clock: HandClock) -> Iterator[Opener]:
    """Opens the home, with nothing from the environment; closes it when the test is over."""
    made: list[Home] = []

    def open_home(where: Path = folder, **options: object) -> Home:
        given = {"create": True, "clock": clock, "settings": Settings(), **options}
        made.append(Home.open(where, **given))
        return made[-1]

    yield open_home
    for home in made:
        home.close()
