"""Where a model's scores become decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.attacks.constraints import Floats
from strongroom.domain.errors import InputError


def threshold_at_fpr(scores: Floats, labels: NDArray[Any], fpr: float) -> float:
    """The lowest threshold at which at most `fpr` of the negatives score at or above it.

    Raises InputError where there are no negatives.
    """
    negatives = np.sort(scores[labels == 0])[::-1]
    if not negatives.size:
        raise InputError(
            "no negatives: a false positive rate cannot be set", fix="test on rows of both labels"
        )
    allowed = int(np.floor(fpr * negatives.size + 1e-9))
    if allowed >= negatives.size:
        return float(negatives[-1])
    return float(np.nextafter(negatives[allowed], np.inf))
