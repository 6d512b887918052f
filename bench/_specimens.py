"""The scanner's specimens, also where some package brings a `tests` of its own."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import tests

HERE = str(Path(__file__).parents[1] / "tests")


def specimens(name: str) -> ModuleType:
    """A module of `tests/assess/scanner/specimens`."""
    if HERE not in list(tests.__path__):
        tests.__path__ = [HERE, *tests.__path__]
    return import_module(f"tests.assess.scanner.specimens.{name}")
