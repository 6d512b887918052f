"""Fits the n-gram model: two logistic regressions over the same hashed features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from strongroom.guard.detectors._ngrams import BITS, Ngrams, buckets
from strongroom.guard.training.corpora import Example

STRENGTH = 8.0
"""Inverse of regularisation, chosen on calibration."""
MIN_TEXTS = 2
"""A feature in fewer texts than this is noise."""


def fit_ngrams(examples: Sequence[Example], *, seed: int) -> Ngrams:
    """Weights for both questions, from the examples that have an opinion on each."""
    found = [buckets(example.text) for example in examples]
    rarity = _rarity(found)
    table = _table(found, rarity)
    weights = np.zeros((1 << BITS, 2), np.float32)
    bias = np.zeros(2, np.float32)
    for column, question in enumerate(("user", "data")):
        answers = [getattr(example, question) for example in examples]
        rows = [at for at, answer in enumerate(answers) if answer is not None]
        model = LogisticRegression(
            C=STRENGTH, solver="liblinear", dual=True, random_state=seed, max_iter=60, tol=0.05
        )
        model.fit(
            table[rows],
            [answers[at] for at in rows],
            sample_weight=[examples[at].weight for at in rows],
        )
        weights[:, column] = model.coef_[0]
        bias[column] = model.intercept_[0]
    return Ngrams(rarity, weights, bias)


def _rarity(found: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    seen = np.bincount(np.concatenate(found), minlength=1 << BITS)
    rarity = np.log((1 + len(found)) / (1 + seen)) + 1
    rarity[seen < MIN_TEXTS] = 0
    # Rounded as stored, so that the fit sees what inference will see.
    return rarity.astype(np.float16).astype(np.float32)


def _table(found: Sequence[NDArray[np.int64]], rarity: NDArray[np.float32]) -> csr_matrix:
    values = [rarity[each] for each in found]
    scaled = [value / max(float(np.sqrt(value @ value)), 1e-6) for value in values]
    ends = np.cumsum([0, *map(len, found)])
    return csr_matrix(
        (np.concatenate(scaled), np.concatenate(found), ends), shape=(len(found), 1 << BITS)
    )
