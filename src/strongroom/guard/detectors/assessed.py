"""The trained detector by itself, for those who assess it (`strongroom.text_classifiers`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from strongroom.guard.detectors.injection_model import load
from strongroom.guard.records import Source


def injection(folder: Path) -> Callable[[str, bool], float]:
    """From a text, and whether it is data, to its score. Raises InputError, MissingExtra."""
    model = load(folder)
    return lambda text, data: model.score(text, Source.CONTEXT if data else Source.USER)
