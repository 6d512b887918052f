"""Pickle and joblib files, through the restricted unpickler."""

from __future__ import annotations

from strongroom.assess.families.sklearn import adopt
from strongroom.assess.models import Scorer
from strongroom.assess.unpickle import restricted_load


def open_model(data: bytes, *, where: str, n_features: int, threads: int) -> Scorer:
    """Open bytes that the scanner called clean."""
    found = restricted_load(data, where=where)
    return adopt(found, n_features=n_features, threads=threads, where=where)
