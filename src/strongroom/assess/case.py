"""The case: all that a check may look at, and nothing that it did not declare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strongroom.assess.history import History
from strongroom.assess.models import Scorer, open_scorer
from strongroom.assess.tables import feature_matrix, label_vector, read_table
from strongroom.domain.errors import InputError
from strongroom.governance.artifacts import artifact_path, declared_paths
from strongroom.governance.loader import Loaded
from strongroom.governance.manifest import Data, Schema, System

TABLES: Final = ("data.train", "data.test")
NOTHING: Final = History()


class Case:
    """One system before one check. Everything is read once and kept."""

    def __init__(
        self,
        loaded: Loaded,
        seed: int,
        names: Sequence[str],
        *,
        threads: int = 1,
        scratch: Path | None = None,
        history: History = NOTHING,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        self.system: System = loaded.system
        self.folder: Path = loaded.folder
        self.seed = seed
        self.threads = threads
        """How many threads the check should let its libraries use."""
        self.history = history
        """What the home knows, as far as the check asked for it."""
        self._scratch = scratch
        self._loaded = loaded
        self._names = frozenset(names)
        self._report = report
        self._frames: dict[str, pl.DataFrame] = {}
        self._features: dict[str, NDArray[np.float64]] = {}

    @property
    def scratch(self) -> Path:
        """A folder for temporary files, which is deleted afterwards."""
        if self._scratch is None:
            raise InputError("this case has no scratch folder")
        return self._scratch

    @property
    def data(self) -> Data:
        """The manifest's data section. Raises InputError where there is none."""
        if self.system.data is None:
            raise InputError("the manifest declares no data", fix="add a data section")
        return self.system.data

    @property
    def schema(self) -> Schema:
        """What the columns mean."""
        return self.data.schema_

    def has(self, name: str) -> bool:
        """Whether the manifest declares the artifact and the check may open it."""
        return name in self._names and name in declared_paths(self.system)

    def path(self, name: str) -> Path:
        """Where the artifact lies: a file or a folder."""
        if name not in self._names:
            raise InputError(f"the check did not declare that it needs {name}")
        return artifact_path(self._loaded, name)

    def frame(self, name: str) -> pl.DataFrame:
        """The table `data.train` or `data.test`, with every column that it has."""
        if name not in self._frames:
            if name not in TABLES:
                raise InputError(f"{name} is not a table", fix=f"choose of {TABLES}")
            self._frames[name] = read_table(self.path(name))
        return self._frames[name]

    def features(self, name: str) -> NDArray[np.float64]:
        """The declared features, (rows, features), in the manifest's order; missing is NaN.

        Bools are 0 and 1; a category of text is its place in the declared categories.
        """
        if name not in self._features:
            made = feature_matrix(self.frame(name), self.schema.features)
            made.flags.writeable = False
            self._features[name] = made
        return self._features[name]

    def labels(self, name: str) -> NDArray[np.int8]:
        """The target, (rows,), 0 or 1. Raises InputError for anything else, missing included."""
        return label_vector(self.frame(name), self.schema.target)

    @cached_property
    def scorer(self) -> Scorer:
        """The model, opened without running anything that its file brings."""
        return open_scorer(
            self.path("model"),
            n_features=len(self.schema.features),
            threads=self.threads,
            endpoint=self.system.model.endpoint if self.system.model else None,
        )

    def rng(self, name: str) -> np.random.Generator:
        """A generator for one purpose: the same seed and name give the same stream."""
        word = hashlib.sha256(name.encode()).digest()[:8]
        return np.random.default_rng([self.seed, int.from_bytes(word, "big")])

    def progress(self, done: int, total: int) -> None:
        """Tell whoever waits how far the check is."""
        if self._report is not None:
            self._report(done, total)
