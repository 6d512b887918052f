"""The declared command makes the declared model again.

**What it looks at**: `model.training` in the manifest. The command is run in a copy of the
manifest's folder, with the declared seed, a clean environment and no inherited secrets. `{output}`
in it is where the model is to go, `{seed}` is the seed (also in `STRONGROOM_SEED`); without
`{output}` it must write the model where the manifest says.

**Passes** when the model that comes out has the digest of the declared one, or gives the same
scores on `data.test` to within `tolerance`.

**Fails** when it gives other scores. The command is then run once more, to tell a command that is
not deterministic from a model that was not made by this command from this data.

**Unknown** when no command is declared, or when the command ends in an error or makes no model.

**What it reports**: `max_score_difference` over the test rows; 0 where the digests are equal.

**What to do**: fix every seed, the number of threads (`OMP_NUM_THREADS` is set) and the versions of
the packages; train from the declared files only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import Field

from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.models import open_scorer
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity
from strongroom.governance.artifacts import digest_artifact
from strongroom.governance.manifest import Model, Training

NAME = "operations.reproducible"
MAX_BYTES = 8 * 2**30
"""Of the folder that is copied."""
LEFT_OUT = ("__pycache__", "node_modules", "venv")
"""Folders that are not copied, beside hidden ones and homes."""


class Tolerance(Settings):
    """Settings of `operations.reproducible`."""

    tolerance: float = Field(default=1e-6, ge=0, le=1e-3)
    """Difference of scores that is rounding: of single precision."""


@check(
    NAME,
    version=1,
    title="The declared command makes the declared model again",
    needs=("model", "data.train", "data.test"),
    settings=Tolerance,
    time_limit=1800.0,
)
def reproducible(case: Case, settings: Tolerance) -> Iterator[Said]:
    """Train again, compare files, then scores."""
    model, training = _declared(case)
    case.progress(0, 2)
    first = _train(case, model, training, case.scratch / "first")
    case.progress(1, 2)
    rows = case.frame("data.test").height
    if digest_artifact(first) == digest_artifact(case.path("model")):
        yield Metric.exact("max_score_difference", 0.0, rows)
        yield Finding(
            f"{NAME}.same_digest",
            Outcome.PASS,
            "the command makes the same file again, byte for byte",
            Severity.INFO,
        )
        return
    difference = _difference(case, first)
    yield Metric.exact("max_score_difference", difference, rows)
    if difference <= settings.tolerance:
        yield Finding(
            f"{NAME}.same_scores",
            Outcome.PASS,
            f"the command makes a model whose scores differ by {difference:.2g} at most",
            Severity.INFO,
        )
        return
    second = _train(case, model, training, case.scratch / "second")
    yield _not_reproduced(difference, again=digest_artifact(first) == digest_artifact(second))


def _declared(case: Case) -> tuple[Model, Training]:
    model = case.system.model
    if model is None or model.training is None:
        raise InputError(
            "the manifest declares no training command",
            where="model.training",
            fix="add model.training with command and seed",
        )
    return model, model.training


def _train(case: Case, model: Model, training: Training, folder: Path) -> Path:
    """Run the command in a copy; where the model then lies."""
    copy = folder / "copy"
    _copy(case.folder, copy)
    output = copy / model.path
    if any("{output}" in word for word in training.command):
        output = folder / "output" / Path(model.path).name
        output.parent.mkdir()
    # What is found afterwards must have been made by the command.
    for old in (copy / model.path,):
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    words = [
        word.replace("{output}", str(output)).replace("{seed}", str(training.seed))
        for word in training.command
    ]
    try:
        done = subprocess.run(  # noqa: S603  # the command comes from the manifest that is assessed
            words, cwd=copy, env=_environment(case, training), stdin=subprocess.DEVNULL, check=False
        )
    except OSError as error:
        raise InputError(
            f"the training command cannot be run: {error.strerror}", where="model.training.command"
        ) from error
    if done.returncode:
        raise InputError(
            f"the training command ended with exit code {done.returncode}",
            where="model.training.command",
            fix="run it by hand in a fresh copy of the folder",
        )
    if not output.exists():
        raise InputError(
            "the training command made no model",
            where="model.training.command",
            fix="write it to {output}",
        )
    return output


def _environment(case: Case, training: Training) -> dict[str, str]:
    """Nothing of ours but where programs are: no keys, tokens or proxies."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOME": str(case.scratch),
        "TMPDIR": str(case.scratch),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": str(case.threads),
        "PYTHONHASHSEED": str(training.seed),
        "STRONGROOM_SEED": str(training.seed),
    }


def _copy(source: Path, target: Path) -> None:
    left = MAX_BYTES

    def ignore(folder: str, names: list[str]) -> set[str]:
        nonlocal left
        here = Path(folder)
        skipped = {n for n in names if n.startswith(".") or n in LEFT_OUT}
        skipped |= {n for n in names if (here / n / "home.json").exists()}
        skipped |= {n for n in names if not _ours(here / n, source)}
        left -= sum((here / n).stat().st_size for n in set(names) - skipped)
        if left < 0:
            raise LimitError(f"the folder holds more than {MAX_BYTES} bytes", where=str(source))
        return skipped

    try:
        shutil.copytree(source, target, ignore=ignore)
    except (OSError, shutil.Error) as error:
        raise InputError(f"the folder cannot be copied: {error}", where=str(source)) from error


def _ours(path: Path, root: Path) -> bool:
    """A file or folder below the root; no link that leads out of it, or round in it."""
    if path.is_symlink():
        return path.is_file() and path.resolve().is_relative_to(root)
    return path.is_file() or path.is_dir()


def _difference(case: Case, made: Path) -> float:
    rows = case.features("data.test")
    again = open_scorer(made, n_features=rows.shape[1], threads=case.threads).score(rows)
    return float(np.max(np.abs(again - case.scorer.score(rows)), initial=0.0))


def _not_reproduced(difference: float, *, again: bool) -> Finding:
    why = (
        "it makes the same model each time, but not this one: "
        "the declared model was not made by this command from these files"
        if again
        else "it makes another model each time: something random has no seed"
    )
    return Finding(
        f"{NAME}.other_model",
        Outcome.FAIL,
        f"the command makes a model whose scores differ by up to {difference:.3g}; {why}",
        Severity.HIGH,
        where="model.training",
        fix="fix every seed, the threads and the package versions, and train again",
    )
