"""Where the two models of the demo's story come from: our simulator, or the user's own table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from strongroom.payments import fraud, own_data
from strongroom.payments.features import with_features
from strongroom.payments.simulator import simulate

TRAINER: Final = "erin"
"""Who trains the models of the story, and so may not approve them."""


class Source(Protocol):
    """Where the two models of the story come from."""

    def careless(self, folder: Path) -> Path:
        """Hand in the careless model; returns the manifest's path."""
        ...

    def mended(self, folder: Path, seed: int) -> Path:
        """Hand in the mended model, trained with that seed."""
        ...


@dataclass(frozen=True)
class Simulated:
    """Payments from our simulator."""

    seed: int

    @cached_property
    def table(self) -> pl.DataFrame:
        """About a million payments with features."""
        return with_features(simulate(fraud.SIMULATION))

    def careless(self, folder: Path) -> Path:
        """See `fraud.write_careless`."""
        who = fraud.identity()
        return fraud.write_careless(folder, self.table, seed=self.seed, who=who, trained_by=TRAINER)

    def mended(self, folder: Path, seed: int) -> Path:
        """See `fraud.write_mended`."""
        who = fraud.identity()
        return fraud.write_mended(folder, self.table, seed=seed, who=who, trained_by=TRAINER)


@dataclass(frozen=True)
class Own:
    """A table and a manifest of the user's."""

    data: Path
    manifest: Path
    seed: int

    @cached_property
    def read(self) -> own_data.OwnData:
        """Both, checked against each other."""
        return own_data.read_own_data(self.data, self.manifest)

    def careless(self, folder: Path) -> Path:
        """See `own_data.write_careless`."""
        return own_data.write_careless(folder, self.read, seed=self.seed)

    def mended(self, folder: Path, seed: int) -> Path:
        """See `own_data.write_mended`."""
        return own_data.write_mended(folder, self.read, seed=seed)
