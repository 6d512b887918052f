"""Pickle and joblib files, through the restricted unpickler."""

from __future__ import annotations

from pathlib import Path

from strongroom.assess.families.sklearn import adopt
from strongroom.assess.models import Scorer
from strongroom.assess.unpickle import restricted_load


def open_model(path: Path, *, n_features: int, threads: int) -> Scorer:
    """Open a file that names nothing but what is listed."""
    found = restricted_load(path)
    return adopt(found, n_features=n_features, threads=threads, where=path.name)
