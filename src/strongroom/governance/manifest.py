"""`strongroom.yaml`: one governed AI system, as its owner declares it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
RelativePath = Annotated[str, StringConstraints(min_length=1, max_length=400)]
"""A path below the folder that holds the manifest; never absolute, never through `..`."""
Profile = Literal["payer", "merchant", "mule", "insider"]
"""Kinds of attackers, by what they control."""


class Declared(BaseModel):
    """Base of all manifest parts: frozen, and a field that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Kind(StrEnum):
    """What sort of system it is."""

    ML_MODEL = "ml_model"
    LLM_APP = "llm_app"
    RAG = "rag"
    AGENT = "agent"
    LLM_GUARD = "llm_guard"
    """A classifier of texts that stands before language models."""
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
    """What the system is called everywhere: lower-case letters, digits, - and _."""
    owner: Text
    """The accountable person or team."""
    purpose: Text
    """What it decides or does, in a sentence."""
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
    """Given to the command and to checks that train again."""
    recorded: bool = False
    """Whether `strongroom record` watches it: production then asks for that provenance."""


class Model(Declared):
    """The model file and how it came about."""

    path: RelativePath
    """ONNX, LightGBM text, XGBoost JSON, CatBoost cbm, skops, joblib, pickle, or an endpoint."""
    endpoint: Text | None = None
    """The one URL to which rows may be sent, where `path` describes an endpoint."""
    task: Literal["binary_classification"] = "binary_classification"
    """What it predicts: the probability of the flagged class."""
    trained_by: Text
    """The key name of who trained it; the same person may not approve it."""
    training: Training | None = None
    """How to make it again; production asks for it from criticality medium."""
    users: tuple[Text, ...] = ()
    """Who works with what it says."""
    limitations: tuple[Text, ...] = ()
    """What it must not be used for, and where it is known to be weak."""
    ethics: tuple[Text, ...] = ()
    """Harms that were considered, and what is done about each."""


class Classification(StrEnum):
    """How confidential a data set is."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class DataSet(Declared):
    """One table, as Parquet or CSV."""

    path: RelativePath
    """A Parquet or CSV file."""
    classification: Classification
    source: Text = "not stated"
    """Where the rows come from."""
    licence: Text = "not stated"
    """On what terms they may be used."""
    owner: Text | None = None
    """Who answers for the data; the system's owner unless said."""
    steward: Text | None = None
    """Who sees to its quality and meaning."""
    custodian: Text | None = None
    """Who keeps it."""


class Feature(Declared):
    """One column that the model reads, in the order in which it reads them."""

    name: Text
    """The column's name in the tables."""
    type: Literal["float", "int", "bool", "category"] = "float"
    """`bool` holds 0 and 1; a `category` of text is read as its place in `categories`."""
    min: float | None = None
    """Smallest value that a real row can have."""
    max: float | None = None
    """Largest value that a real row can have."""
    step: float | None = Field(default=None, gt=0)
    """Values are multiples of this: 0.01 for an amount in cents."""
    categories: tuple[str | int, ...] | None = None
    """Every value of a category, in the order in which the model knows them."""
    mutable_by: tuple[Profile, ...] = ()
    """Which attackers can set it; nobody by default."""
    direction: Literal["any", "up", "down"] = "any"
    """Which way an attacker can move it."""
    cost: float = Field(default=1.0, ge=0)
    """What one change costs the attacker, in the units of the budgets."""


class Attacker(Declared):
    """What one kind of attacker may spend on one row."""

    max_changes: int | None = Field(default=None, ge=0, le=20)
    """Columns set; a one-hot group counts once. The check's own setting unless said."""
    max_cost: float | None = Field(default=None, ge=0)
    """Sum of the changed features' costs; unlimited unless said."""
    max_queries: int | None = Field(default=None, ge=0, le=1_000_000)
    """Rows that he can have scored on behalf of one row before he is noticed."""


class Schema(Declared):
    """What the columns mean."""

    target: Text
    """The label column; 1 is the flagged class (fraud, default)."""
    features: tuple[Feature, ...] = Field(min_length=1)
    """Every column that the model reads, in the order in which it reads them."""
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
    one_hot: tuple[tuple[Text, ...], ...] = ()
    """Groups of bool features of which exactly one is 1 in every real row."""
    attackers: dict[Profile, Attacker] = Field(default_factory=dict)
    """Budgets by kind of attacker: `{payer: {max_changes: 2, max_cost: 5}}`."""


class Data(Declared):
    """The data sets and their common schema."""

    train: DataSet
    """What the model learned from."""
    test: DataSet
    """What it is judged by: other rows, and later ones where there is a time."""
    schema_: Schema = Field(alias="schema")
    """What the columns of both mean."""


class Bound(Declared):
    """A threshold that the owner sets on one metric of one check."""

    check: Text
    """Check name without version: `performance.discrimination`."""
    metric: Text
    """The figure as the check names it; `*` stands for any text: `success[*]`."""
    at_least: float | None = None
    """What the lower end of its interval must reach."""
    at_most: float | None = None
    """What the upper end of its interval may reach."""
    source: Text = "set by the system's owner"
    """Why this bound: a policy, a paper, a clause."""


class System(Declared):
    """The whole manifest."""

    version: Literal[1]
    """Of this format."""
    system: Identity
    """Who and what it is."""
    model: Model | None = None
    """The model; an ml_model has one."""
    data: Data | None = None
    """The data sets; an ml_model has them."""
    texts: RelativePath | None = None
    """Labelled texts that an llm_guard is judged by: JSONL, or a folder of them, one file a set."""
    dependencies: RelativePath | None = None
    """A requirements file with hashes, or None if the model ships without code."""
    fallback: Text | None = None
    """What judges payments when the model is out of use, and who switches to it."""
    thresholds: tuple[Bound, ...] = ()
    """The owner's own bounds: tighter than the catalog's, or looser where those are adjustable."""
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of checks by check name: `{robustness.evasion_budget: {max_changes: 2}}`."""
