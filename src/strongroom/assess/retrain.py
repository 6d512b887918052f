"""Fits fresh models of the same kind as one that was opened, for checks that need more than one.

A recipe is what could be learnt from the opened model about how it was made. From ONNX nothing can
be: the recipe is then a stated stand-in, and its note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from numpy.typing import NDArray

from strongroom.assess.models import Scorer

_STAND_IN: Final[Mapping[str, Any]] = {"num_leaves": 31, "learning_rate": 0.1, "rounds": 100}
_FAMILIES: Final = frozenset({"lightgbm", "xgboost", "sklearn", "torch"})
"""Whose files say how the model was made."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make another model of the kind."""

    family: str
    """`lightgbm`, `xgboost`, `sklearn` or `torch`."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """For boosters: their own parameters, and `rounds`."""
    template: Any = None
    """For scikit-learn: an estimator to clone; for nets: their description."""
    note: str = ""
    """Where the recipe comes from, for people."""


def recipe_of(scorer: Scorer) -> Recipe:
    """What can be learnt from the opened model."""
    if scorer.family in _FAMILIES:
        recipe: Recipe = _family(scorer.family).recipe_of(scorer)
        return recipe
    return Recipe(
        "lightgbm",
        _STAND_IN,
        note=f"{scorer.family} does not say how it was made: 100 trees of 31 leaves stand in",
    )


def make(
    recipe: Recipe, x: NDArray[Any], y: NDArray[Any], seed: int, *, threads: int = 1
) -> Scorer:
    """Fit the recipe on rows (n, features) and labels (n,) of 0 and 1, both classes present."""
    scorer: Scorer = _family(recipe.family).fit(recipe, x, y, seed, threads=threads)
    return scorer


def _family(name: str) -> Any:
    return import_module(f"strongroom.assess.families.{name}")
