import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.home.home import Home
from strongroom.testing.systems import Workshop, make_workshop

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A system on disk that nobody spoils."""
    return make_workshop(tmp_path_factory.mktemp("pattern") / "system")


@pytest.fixture
def workshop(pattern: Workshop, tmp_path: Path) -> Workshop:
    """A copy that a test may spoil."""
    shutil.copytree(pattern.folder, tmp_path / "system")
    return Workshop(tmp_path / "system")


@pytest.fixture
def specimens():
    """The badly behaved checks, installed as a bank's own would be."""
    path = str(Path(__file__).parent / "plugin")
    sys.path.insert(0, path)
    yield
    sys.path.remove(path)


@pytest.fixture
def home(tmp_path: Path):
    """A home of its own, where it is always the same moment."""
    with Home.open(tmp_path / "home", create=True, clock=lambda: NOW) as opened:
        yield opened
