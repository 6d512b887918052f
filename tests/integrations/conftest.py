from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.home.home import Home
from strongroom.home.settings import Settings

CANARY = b"CANARY-4f9a1c7e-not-to-be-found"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home.open(tmp_path / "home", create=True, settings=Settings()) as home:
        yield home


def found_in(folder: Path, needle: bytes = CANARY) -> list[Path]:
    """The files below a folder that hold the bytes, and those named by them."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and (needle in path.read_bytes() or needle.decode() in path.name)
    ]


@pytest.fixture
def canary_in() -> object:
    return found_in
