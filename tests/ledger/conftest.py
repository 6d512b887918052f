"""A ledger to write to, and its signer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.keys.keypair import Signer, generate
from strongroom.ledger import Ledger

ORIGIN = "ledger.example/test"


@pytest.fixture(scope="session")
def signer() -> Signer:
    return generate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def ledger(folder: Path, signer: Signer) -> Iterator[Ledger]:
    """Publishes every commit at once, so that each step can be looked at."""
    with Ledger.create(folder, ORIGIN, signer, pace=0) as made:
        yield made
