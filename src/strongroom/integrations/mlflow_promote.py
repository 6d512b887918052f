"""A model version of MLflow's registry, taken through assess, gate and registry.

1. Its artifacts must be sealed in this home; they are frozen, verified and opened at the place that
   the manifest names for the model, for as long as the checks run.
2. Assess, gate and promote see a system like any other.
3. The alias that stands for the stage is set in MLflow, which a gated registry allows only now.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from strongroom.domain.decision import Stage, Verdict
from strongroom.domain.errors import DeniedError, InputError
from strongroom.governance.artifacts import digest_artifact
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.integrations.aliases import stages_of
from strongroom.integrations.artifacts import Artifacts
from strongroom.integrations.holding import Holding
from strongroom.integrations.places import parse_root
from strongroom.registry.deciding import Decided
from strongroom.registry.statements import Move
from strongroom.report.promotion import promote as promote_with_bills
from strongroom.storage.files import told


class ModelRegistry(Protocol):
    """What is asked of `mlflow.MlflowClient`."""

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        """Where the version's artifacts lie."""
        ...

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Let the alias name that version."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done while the model lies open."""

    assess: Callable[[Loaded], object]
    decide: Callable[[Loaded, Stage], Decided]


def promote(
    client: ModelRegistry,
    home: Home,
    loaded: Loaded,
    version: str,
    stage: Stage,
    steps: Steps,
) -> Move:
    """Bring a version into a stage. MLflow's registered model has the name of the system.

    Raises DeniedError with the gate's reasons; InputError for artifacts that are not sealed here.
    """
    name = loaded.system.system.name
    with opened_model(home, loaded, client.get_model_version_download_uri(name, version)):
        steps.assess(loaded)
        decided = steps.decide(loaded, stage).decision
        if decided.verdict is not Verdict.ALLOW:
            bad = [f"{r.requirement} {r.outcome}: {r.text}" for r in decided.reasons if not r.ok]
            raise DeniedError(
                f"the gate denied it: {'; '.join(bad) or 'nothing is required'}",
                where=f"{name} {version}",
                fix="mend, approve or waive, and promote again",
            )
        move = promote_with_bills(home, loaded, stage).move
    for alias, meant in stages_of(os.environ).items():
        if meant is stage:
            client.set_registered_model_alias(name, alias, version)
    return move


@contextmanager
def opened_model(home: Home, loaded: Loaded, source: str) -> Iterator[Path]:
    """The artifacts at `source`, frozen and verified, where the manifest has its model.

    They lie there only inside the block (a process that is killed leaves them, with mode 0700),
    unless the very same files were there before.
    """
    target = _place(loaded)
    was_there = target.exists()
    try:
        yield check_out(home, loaded, source)
    finally:
        if not was_there:
            shutil.rmtree(target, ignore_errors=True)


def check_out(home: Home, loaded: Loaded, source: str) -> Path:
    """As `opened_model`, for good: whoever asked removes it."""
    place, target = parse_root(source), _place(loaded)
    if place.home.resolve() != home.folder.resolve():
        raise InputError("the artifacts are sealed in another home", where=source)
    artifacts = Artifacts.at(home, place.root)
    holding = artifacts.freeze()
    if not target.exists():
        _open(artifacts, holding, target)
    elif digest_artifact(target) != holding.tree(artifacts.inner):
        raise InputError("the model's place is taken", where=str(target), fix="move it away")
    return target


def _place(loaded: Loaded) -> Path:
    """Where the manifest has its model; it need not be there."""
    if loaded.system.model is None:
        raise InputError("the manifest declares no model", where=loaded.name)
    root = loaded.folder.resolve()
    target = root / loaded.system.model.path
    if root not in target.resolve().parents:
        raise InputError("the model's place is outside the folder", where=str(target))
    return target


def _open(artifacts: Artifacts, holding: Holding, target: Path) -> None:
    """All of it or nothing, for this user only."""
    with told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".opening-", dir=target.parent))
    try:
        artifacts.open_to(holding.below(artifacts.inner), holding, draft)
        with told(target):
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
