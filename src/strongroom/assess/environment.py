"""Names and versions of what the figures of a check depend on."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

_PACKAGES: Final = (
    "strongroom",
    "lightgbm",
    "numpy",
    "onnxruntime",
    "polars",
    "scikit-learn",
    "skops",
    "xgboost-cpu",
)


def environment(seed: int) -> Mapping[str, str]:
    """Python, packages, platform and seed."""
    return {**_machine(), "seed": str(seed)}


@cache
def _machine() -> Mapping[str, str]:
    found = {name: _version(name) for name in _PACKAGES}
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}".lower(),
        **{name: v for name, v in found.items() if v is not None},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
