"""Scores two models on the same rows, in a process of its own: model parsers may crash.

Reads one line of JSON from stdin, `{"before": MANIFEST, "after": MANIFEST, "fpr": …, "seed": …}`,
and says one on stdout: the comparison, or why there is none.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strongroom.assess.comparison import Compared, compare_scores
from strongroom.assess.models import open_scorer
from strongroom.assess.tables import feature_matrix, label_vector, read_table
from strongroom.domain.canonical import canonical, parse_json
from strongroom.domain.errors import InputError, StrongroomError
from strongroom.governance.artifacts import artifact_path
from strongroom.governance.loader import Loaded, load_manifest

SECONDS: Final = 900.0
"""For opening, scoring and testing."""


def compare_systems(before: Path, after: Path, *, fpr: float, seed: int) -> tuple[Compared, ...]:
    """Both manifests' models on the test rows of `after`; asks a process. Raises InputError."""
    task = {"before": str(before), "after": str(after), "fpr": fpr, "seed": seed}
    try:
        done = subprocess.run(
            (sys.executable, "-m", "strongroom.assess.comparison_worker"),
            input=canonical(task), capture_output=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InputError(f"models could not be compared in {SECONDS:g} s") from error
    said = parse_json(done.stdout or b"{}", where="comparison")
    if "compared" not in said:
        why = said.get("problem", f"the comparing process left with {done.returncode}")
        raise InputError(str(why))
    return tuple(Compared(**one) for one in said["compared"])


def main() -> None:
    """Answer the one question on stdin."""
    task = json.loads(sys.stdin.buffer.readline())
    try:
        said: dict[str, Any] = {"compared": _compared(task)}
    except StrongroomError as error:
        said = {"problem": str(error)}
    sys.stdout.buffer.write(canonical(said) + b"\n")


def _compared(task: dict[str, Any]) -> tuple[Compared, ...]:
    old, new = (load_manifest(Path(task[side])) for side in ("before", "after"))
    data = new.system.data
    if data is None:
        raise InputError("declares no data to compare on", where=task["after"])
    labels = label_vector(read_table(artifact_path(new, "data.test")), data.schema_.target)
    scores = [_scores(side, artifact_path(new, "data.test")) for side in (old, new)]
    rng = np.random.default_rng(task["seed"])
    return compare_scores(labels, scores[0], scores[1], fpr=task["fpr"], rng=rng)


def _scores(loaded: Loaded, rows: Path) -> NDArray[np.float64]:
    """By the features that this model reads, whatever the other one reads."""
    data, model = loaded.system.data, loaded.system.model
    if data is None or model is None:
        raise InputError("declares no model or no data", where=loaded.system.system.name)
    features = data.schema_.features
    scorer = open_scorer(
        artifact_path(loaded, "model"), n_features=len(features), endpoint=model.endpoint
    )
    return scorer.score(feature_matrix(read_table(rows), features))


if __name__ == "__main__":
    main()
