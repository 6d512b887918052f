"""What a coordinator asks banks to compute, and what comes of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from strongroom.domain.canonical import canonical
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError
from strongroom.federated.fixed import Floats
from strongroom.federated.models import Model

MAX_LENGTH: Final = 16_000_000
"""Words in a vector: 128 MB."""


class Kind(StrEnum):
    """What a vector is made of."""

    SKETCH = "sketch"
    """Counts of values, rows, rows of class 1."""
    STEP = "step"
    """How far a net's weights move, times rows; rows; loss."""
    LEVEL = "level"
    """Histograms of a level of a tree; loss and rows."""


@dataclass(frozen=True, slots=True)
class Task:
    """One vector of each bank."""

    round: int
    """0 is the sketch; each later round gives a model."""
    stage: int
    """Within the round: the level of a tree."""
    kind: Kind
    body: bytes
    """The model so far, and the growing tree, as canonical JSON."""
    length: int
    """Words in the vector."""

    def __post_init__(self) -> None:
        numbers = (self.round, self.stage, self.length)
        if any(type(n) is not int or n < 0 for n in numbers) or not 0 < self.length <= MAX_LENGTH:
            raise InputError(f"a task of round, stage, length {numbers}")

    @property
    def content(self) -> Digest:
        """Of what is asked, whichever round it is called."""
        return sha256(canonical({"kind": self.kind, "body": sha256(self.body)}))

    def context(self, plan: Digest, session: str) -> bytes:
        """What is signed in an aggregation of this task."""
        about = {"plan": plan, "round": self.round, "stage": self.stage, "session": session}
        said = canonical({**about, "content": self.content, "length": self.length})
        return hashlib.sha256(said).digest()

    def to_json(self) -> dict[str, Any]:
        """All but the body, for the wire."""
        return {
            "round": self.round,
            "stage": self.stage,
            "kind": self.kind.value,
            "length": self.length,
        }

    @classmethod
    def from_json(cls, raw: Any, body: bytes) -> Task:
        """From the wire; trusts nothing. Raises InputError."""
        try:
            return cls(raw["round"], raw["stage"], Kind(raw["kind"]), body, raw["length"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("not a task") from error


@dataclass(frozen=True, slots=True)
class Summed:
    """The sum of all vectors, and whose they are."""

    values: Floats
    company: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Singles:
    """Each bank's vector, where the plan says that they are seen."""

    values: dict[str, Floats]

    @property
    def company(self) -> tuple[str, ...]:
        """Whose they are."""
        return tuple(sorted(self.values))


@dataclass(frozen=True, slots=True)
class Parted:
    """No sum: the company of the round's first stage is no longer together."""


Outcome: TypeAlias = Summed | Singles | Parted


@dataclass(frozen=True, slots=True)
class Finished:
    """A round is done."""

    round: int
    model: Model
    loss: float | None
    """Mean log loss of the model before the round, over the company's rows; None where it would
    tell what differential privacy keeps."""
    rows: int
    company: tuple[str, ...]
