"""Averages that a few false updates cannot pull far. They need each bank's update in plain.

Coordinate-wise median and trimmed mean: Yin et al., ICML 2018 (https://arxiv.org/abs/1803.01498).
Krum: Blanchard et al., NeurIPS 2017 (https://arxiv.org/abs/1703.02757).
"""

from __future__ import annotations

import numpy as np

from strongroom.domain.errors import InputError
from strongroom.federated.fixed import Floats


def median(updates: Floats) -> Floats:
    """The middle of each coordinate of (banks, n): holds while more than half are honest."""
    made: Floats = np.median(updates, axis=0)
    return made


def trimmed_mean(updates: Floats, trim: int) -> Floats:
    """The mean of each coordinate without its `trim` largest and smallest."""
    if 2 * trim >= len(updates):
        raise InputError(f"trimming {trim} at each end of {len(updates)} updates leaves none")
    made: Floats = np.sort(updates, axis=0)[trim : len(updates) - trim].mean(axis=0)
    return made


def krum(updates: Floats, tolerated: int) -> Floats:
    """The one update that is nearest to its n - f - 2 nearest neighbours."""
    n = len(updates)
    if n < 2 * tolerated + 3:
        raise InputError(f"Krum takes {2 * tolerated + 3} banks to tolerate {tolerated}, not {n}")
    squares = (updates**2).sum(axis=1)
    apart = squares[:, None] + squares[None] - 2 * updates @ updates.T
    np.fill_diagonal(apart, np.inf)
    near = np.sort(apart, axis=1)[:, : n - tolerated - 2].sum(axis=1)
    nearest: Floats = updates[int(near.argmin())]
    return nearest
