"""MLflow's model registry behind the gate: the `mlflow.model_registry_store` entry points.

`gated+sqlite:///registry.db` and its siblings are MLflow's own stores. Only setting an alias or a
stage that stands for one of ours is refused unless that very model stands there by decision of the
gate; then its artifacts are frozen. Run by the tracking server it binds every client; as a client's
own `gated+http://…` it binds that client.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from mlflow.entities.model_registry import ModelVersion
from mlflow.store.model_registry.rest_store import RestStore
from mlflow.utils.credentials import get_default_host_creds

from strongroom.domain.decision import Stage
from strongroom.domain.errors import DeniedError, InputError
from strongroom.home.home import Home
from strongroom.integrations.aliases import stages_of
from strongroom.integrations.artifacts import Artifacts
from strongroom.integrations.mlflow_store import told
from strongroom.integrations.places import parse_root
from strongroom.integrations.standing import require_standing

MLFLOW_STAGES: Final = {"production": Stage.PRODUCTION, "staging": Stage.VALIDATION}
_PREFIX: Final = "gated+"


class Gated:
    """Asks the gate first. Mixed into a store of MLflow's."""

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> Any:
        """Refused unless the version stands in the alias's stage."""
        self._require(name, version, stages_of(os.environ).get(alias.lower()))
        return super().set_registered_model_alias(name, alias, version)  # type: ignore[misc]

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, *rest: Any, **named: Any
    ) -> Any:
        """Likewise for MLflow's own, older stages."""
        self._require(name, version, MLFLOW_STAGES.get(stage.lower()))
        return super().transition_model_version_stage(name, version, stage, *rest, **named)  # type: ignore[misc]

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        """Refused where a gated alias or stage is set: it was given to the model of that name."""
        model = self.get_registered_model(name)  # type: ignore[attr-defined]
        held = set(stages_of(os.environ)) & {alias.lower() for alias in model.aliases}
        held |= {v.current_stage for v in self.get_latest_versions(name, ["Staging", "Production"])}  # type: ignore[attr-defined]
        if held:
            with told():
                raise DeniedError(
                    f"{', '.join(sorted(held))} of {name} would become {new_name}'s",
                    where=name,
                    fix="delete the alias first",
                )
        return super().rename_registered_model(name, new_name)  # type: ignore[misc]

    def _require(self, name: str, version: str, stage: Stage | None) -> None:
        if stage is None:
            return
        found: ModelVersion = self.get_model_version(name, version)  # type: ignore[attr-defined]
        source: str = self.get_model_version_download_uri(name, version)  # type: ignore[attr-defined]
        with told():
            require_promoted(_home(os.environ), found.name, source, stage)


class GatedRestStore(Gated, RestStore):  # type: ignore[misc]
    """MLflow's registry behind a server, as one client sees it."""


def gated_store(store_uri: str, tracking_uri: str | None = None) -> Gated:  # noqa: ARG001
    """The store that `gated+URI` names. The parameters' names are MLflow's."""
    uri = store_uri.removeprefix(_PREFIX)
    if uri.startswith(("http://", "https://")):
        return GatedRestStore(partial(get_default_host_creds, uri))
    # Here, and not above: a client of a server needs neither the store nor what it imports.
    from strongroom.integrations.mlflow_gated_sql import GatedSqlStore  # noqa: PLC0415

    return GatedSqlStore(uri)


def require_promoted(home: Path, name: str, source: str, stage: Stage) -> None:
    """Raises DeniedError unless what lies at `source` stands in the stage; then freezes it.

    The home is the operator's: a version whose artifacts lie in any other is refused, for whoever
    registers it could have brought a home of his own.
    """
    try:
        place = parse_root(source)
    except InputError as error:
        raise DeniedError(
            f"its artifacts are not sealed: {source[:200]}", where=name, fix=error.fix
        ) from error
    if place.home.resolve() != home.resolve():
        raise DeniedError("its artifacts are sealed in another home", where=name)
    with Home.open(home) as opened:
        artifacts = Artifacts.at(opened, place.root)
        held = artifacts.now()
        if held is None:
            raise DeniedError("it has no artifacts", where=name)
        require_standing(opened, name, stage, held.tree(artifacts.inner))
        if artifacts.freeze().tree(artifacts.inner) != held.tree(artifacts.inner):
            raise DeniedError("its artifacts changed meanwhile", where=name)


def _home(environ: Mapping[str, str]) -> Path:
    given = environ.get("STRONGROOM_HOME")
    if not given:
        raise DeniedError("no home to ask", fix="set STRONGROOM_HOME for this process")
    return Path(given)
