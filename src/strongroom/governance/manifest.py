"""`strongroom.yaml`: one governed AI system, as its owner declares it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=400)]
"""A path below the folder that holds the manifest; never absolute, never through `..`."""


class Declared(BaseModel):
    """Base of all manifest parts: frozen, and a field that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Kind(StrEnum):
    """What sort of system it is."""

    ML_MODEL = "ml_model"
    LLM_APP = "llm_app"
    RAG = "rag"
    AGENT = "agent"
    VENDOR_AI = "vendor_ai"


class EntityType(StrEnum):
    """Who operates it: regulation binds by licence, not by wish."""

    BANK = "bank"
    PAYMENT_SYSTEM_OPERATOR = "payment_system_operator"
    PAYMENT_INSTITUTION = "payment_institution"
    E_MONEY_ISSUER = "e_money_issuer"
    CARD_NETWORK = "card_network"
    INSURER = "insurer"
    VENDOR = "vendor"


class Criticality(StrEnum):
    """Business criticality as the owner rates it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Identity(Declared):
    """Who and what the system is."""

    name: Name
    owner: Text
    """The accountable person or team."""
    purpose: Text
    kind: Kind
    criticality: Criticality
    jurisdictions: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")], ...] = Field(
        min_length=1
    )
    """ISO 3166-1 alpha-2 codes, and EU."""
    entity_type: EntityType


class Training(Declared):
    """How the model is made again."""

    command: tuple[Text, ...] = Field(min_length=1)
    """An argument vector, run in the manifest's folder; `{output}` is where the model goes."""
    seed: int = Field(ge=0, le=2**32 - 1)


class Model(Declared):
    """The model file and how it came about."""

    path: RelativePath
    """A file or a folder: ONNX, LightGBM or XGBoost text/JSON, skops, joblib or pickle."""
    task: Literal["binary_classification"] = "binary_classification"
    trained_by: Text
    """The key name of who trained it; the same person may not approve it."""
    training: Training | None = None


class Classification(StrEnum):
    """How confidential a data set is."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class DataSet(Declared):
    """One table, as Parquet or CSV."""

    path: RelativePath
    classification: Classification
    source: Text = "not stated"
    licence: Text = "not stated"


class Feature(Declared):
    """One column that the model reads, in the order in which it reads them."""

    name: Text
    type: Literal["float", "int", "bool", "category"] = "float"
    min: float | None = None
    max: float | None = None
    step: float | None = Field(default=None, gt=0)
    """Values are multiples of this: 0.01 for an amount in cents."""
    categories: tuple[str | int, ...] | None = None
    mutable_by: tuple[Literal["payer", "merchant", "mule", "insider"], ...] = ()
    """Which attackers can set it; nobody by default."""
    direction: Literal["any", "up", "down"] = "any"
    """Which way an attacker can move it."""
    cost: float = Field(default=1.0, ge=0)
    """What one change costs the attacker, in the units of the budgets."""


class Schema(Declared):
    """What the columns mean."""

    target: Text
    """The label column; 1 is the flagged class (fraud, default)."""
    features: tuple[Feature, ...] = Field(min_length=1)
    time: Text | None = None
    """Column with the event time, for time-aware checks."""
    entity: Text | None = None
    """Column that names the card or customer: card precision@k, and disjoint splits."""
    id: Text | None = None
    """Column that names the row."""
    sensitive: tuple[Text, ...] = ()
    """Protected attributes, used for fairness checks whether or not the model reads them."""
    relations: tuple[Text, ...] = ()
    """What holds between columns in every real row: `total == net + fee`."""


class Data(Declared):
    """The data sets and their common schema."""

    train: DataSet
    test: DataSet
    schema_: Schema = Field(alias="schema")


class Bound(Declared):
    """A threshold that the owner sets on one metric of one check."""

    check: Text
    """Check name without version: `performance.discrimination`."""
    metric: Text
    at_least: float | None = None
    at_most: float | None = None
    source: Text = "set by the system's owner"


class System(Declared):
    """The whole manifest."""

    version: Literal[1]
    system: Identity
    model: Model | None = None
    data: Data | None = None
    dependencies: RelativePath | None = None
    """A requirements file with hashes, or None if the model ships without code."""
    thresholds: tuple[Bound, ...] = ()
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of checks by check name: `{robustness.evasion_budget: {max_changes: 2}}`."""
