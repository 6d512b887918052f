"""MLflow's registry in a database, behind the gate."""

from __future__ import annotations

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from strongroom.integrations.mlflow_gate import Gated


class GatedSqlStore(Gated, SqlAlchemyStore):  # type: ignore[misc]
    """What a tracking server opens for `gated+sqlite:///…` and its siblings."""
