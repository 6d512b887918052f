"""What a net looks like, as a bank declares it: a few known layers, one after the other.

    strongroom_net: 1
    features: 12
    embeddings:
      - {column: 3, levels: 40, width: 4, missing: 0}
    layers:
      - {linear: 64}
      - {activation: relu}
      - {linear: 1}

Columns that are not embedded are numbers: the net subtracts `mean`, divides by `scale` and reads 0
where one is missing. The last layer gives the log odds of class 1.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from strongroom.domain.errors import InputError
from strongroom.governance.strict_yaml import read_yaml

KEY: Final = "strongroom_net"
"""In the YAML, its version; in a safetensors file's metadata, where the YAML stands."""
MAX_FEATURES: Final = 100_000
_MAX_LAYERS: Final = 100
_MAX_WIDTH: Final = 16_384

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Embedding(_Strict):
    """A column of level numbers that is read as a vector for each level."""

    column: int = Field(ge=0, lt=MAX_FEATURES)
    """Its place among the features, from 0."""
    levels: int = Field(ge=2, le=10_000_000)
    """Values are 0 to levels − 1."""
    width: int = Field(ge=1, le=_MAX_WIDTH)
    missing: int | None = Field(default=None, ge=0)
    """The level that stands for missing and unknown values; without it they are refused."""


class Layer(_Strict):
    """One layer: exactly one of the fields is given."""

    linear: int | None = Field(default=None, ge=1, le=_MAX_WIDTH)
    """Width of what comes out."""
    activation: Activation | None = None
    norm: Literal["batch", "layer"] | None = None
    dropout: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("a layer is one of linear, activation, norm, dropout")
        return self


class NetDescription(_Strict):
    """A whole net."""

    strongroom_net: Literal[1]
    features: int = Field(ge=1, le=MAX_FEATURES)
    """Columns of a row, in the manifest's order."""
    embeddings: list[Embedding] = Field(default=[], max_length=10_000)
    layers: list[Layer] = Field(min_length=1, max_length=_MAX_LAYERS)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        columns = [one.column for one in self.embeddings]
        if len(set(columns)) != len(columns) or max(columns, default=0) >= self.features:
            raise ValueError("each embedding is of another column below `features`")
        if any(e.missing is not None and e.missing >= e.levels for e in self.embeddings):
            raise ValueError("an embedding's `missing` is one of its levels")
        if self.layers[-1].linear != 1:
            raise ValueError("the last layer is {linear: 1}: the log odds of class 1")
        return self

    @property
    def numbers(self) -> list[int]:
        """Columns that are read as numbers."""
        embedded = {one.column for one in self.embeddings}
        return [column for column in range(self.features) if column not in embedded]

    @property
    def width(self) -> int:
        """Of what the first layer reads: numbers, then vectors in the order of `embeddings`."""
        return len(self.numbers) + sum(one.width for one in self.embeddings)


def read_description(data: bytes, where: str) -> NetDescription:
    """Read the YAML. Raises InputError that names the field."""
    tree = read_yaml(data)
    if tree.problems:
        raise InputError(f"the net's description: {tree.problems[0].what}", where=where)
    return describe(tree.value, where)


def describe(raw: Any, where: str) -> NetDescription:
    """Check plain values. Raises InputError that names the field."""
    try:
        return NetDescription.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or KEY
        raise InputError(
            f"the net's description: {first['msg']}", where=f"{where}: {field}"
        ) from error
