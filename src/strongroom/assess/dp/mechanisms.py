"""Uses of a data set under differential privacy, and what all of them add up to.

Each use is one of a few mechanisms whose loss is known; any other is refused, since an accountant
that guesses is none. Sums are taken by dp-accounting's privacy loss distributions, which are tight
for mechanisms of unlike kinds; mechanisms that only state an (epsilon, delta) are added by basic
composition, epsilon to epsilon and delta to delta, which is never too little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.errors import InputError, MissingExtra

MECHANISMS: Final[Mapping[str, tuple[str, ...]]] = {
    "gaussian": ("noise_multiplier",),
    "laplace": ("noise_multiplier",),
    "sampled_gaussian": ("noise_multiplier", "sampling"),
    "stated": ("epsilon", "delta"),
}
"""Names, and the parameters that each takes."""
MAX_TIMES: Final = 10_000_000
_MAX_NOISE, _MIN_NOISE = 1e6, 0.3
"""Between which noise is sought; below the least, sums take minutes."""
_NEAR: Final = 1e-2
_UNIT: Final = frozenset({"sampling", "delta"})


@dataclass(frozen=True, slots=True)
class Use:
    """One mechanism, run some times on a data set."""

    mechanism: str
    """Of `MECHANISMS`."""
    parameters: Mapping[str, float]
    """`noise_multiplier` (noise over sensitivity), `sampling` (Poisson), `epsilon`, `delta`."""
    times: int = 1

    def __post_init__(self) -> None:
        known = MECHANISMS.get(self.mechanism)
        if known is None:
            raise InputError(
                f"unknown mechanism {self.mechanism!r}",
                fix="choose of " + ", ".join(sorted(MECHANISMS)),
            )
        if set(self.parameters) != set(known):
            raise InputError(f"{self.mechanism} takes {', '.join(known)}")
        for name, value in self.parameters.items():
            _check(name, value)
        if type(self.times) is not int or not 1 <= self.times <= MAX_TIMES:
            raise InputError(f"{self.times!r} times", fix=f"between 1 and {MAX_TIMES}")


def _check(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name} is {value!r}, no finite number")
    if value < 0 or (value == 0 and name != "delta"):
        raise InputError(f"{name} is {value!r}", fix="it must be above 0")
    if name in _UNIT and value > 1:
        raise InputError(f"{name} is {value!r}", fix="it is a probability")


def spent(uses: Sequence[Use], delta: float) -> float:
    """The epsilon, at `delta`, of all uses together; infinite where delta is used up already.

    Raises InputError for a delta outside (0, 1), MissingExtra without dp-accounting.
    """
    if isinstance(delta, bool) or not 0 < delta < 1:
        raise InputError(f"delta is {delta!r}", fix="between 0 and 1, such as one over the rows")
    stated = [use for use in uses if use.mechanism == "stated"]
    left = delta - math.fsum(use.times * use.parameters["delta"] for use in stated)
    epsilon = math.fsum(use.times * use.parameters["epsilon"] for use in stated)
    rest = [use for use in uses if use.mechanism != "stated"]
    if left < 0 or (rest and left == 0):
        return math.inf
    return epsilon + (_composed(rest, left) if rest else 0.0)


def _composed(uses: Sequence[Use], delta: float) -> float:
    dp = _library()
    accountant = dp.pld.PLDAccountant()
    for use in uses:
        accountant.compose(event_of(use), use.times)
    return float(accountant.get_epsilon(delta))


def noise_for(sampling: float, times: int, epsilon: float, delta: float) -> float:
    """The least noise multiplier, to a hundredth of it, whose steps cost at most `epsilon`.

    Raises InputError where no noise below a million is enough.
    """

    def cost(noise: float) -> float:
        return spent([Use("sampled_gaussian", _steps(noise, sampling), times)], delta)

    low, high = 0.0, 1.0
    while cost(high) > epsilon:
        low, high = high, 2 * high
        if high > _MAX_NOISE:
            raise InputError(f"no noise is enough for an epsilon of {epsilon:g}", fix="raise it")
    while high - low > _NEAR * high:
        middle = (low + high) / 2
        low, high = (
            (middle, high) if middle < _MIN_NOISE or cost(middle) > epsilon else (low, middle)
        )
    return high


def _steps(noise: float, sampling: float) -> dict[str, float]:
    return {"noise_multiplier": noise, "sampling": sampling}


def event_of(use: Use) -> Any:
    """dp-accounting's name for one run of a use that is not merely stated."""
    dp, noise = _library(), use.parameters["noise_multiplier"]
    if use.mechanism == "laplace":
        return dp.LaplaceDpEvent(noise)
    gaussian = dp.GaussianDpEvent(noise)
    if use.mechanism == "gaussian":
        return gaussian
    return dp.PoissonSampledDpEvent(use.parameters["sampling"], gaussian)


def _library() -> Any:
    # Heavy, and of an extra of its own.
    try:
        import dp_accounting  # noqa: PLC0415
        import dp_accounting.pld  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("private", "adding up privacy losses") from error
    return dp_accounting
