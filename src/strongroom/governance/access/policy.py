"""The access policy: read from YAML, asked in Cedar. No I/O; whoever asks was authenticated before.

Cedar denies what no policy permits and lets `forbid` win (docs.cedarpolicy.com, "Authorization").
A policy that cannot be evaluated refuses, whatever the others say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError, LimitError, MissingExtra
from strongroom.governance.problems import Problem, as_error
from strongroom.governance.strict_yaml import read_yaml

VERSION: Final = 1
MAX_FILE: Final = 256 * 1024
"""Bytes of an access policy."""
HOME: Final = "home"
"""The resource of acts on the whole home."""


class Action(StrEnum):
    """What a person may be let do."""

    ASSESS = "assess"
    GATE = "gate"
    APPROVE = "approve"
    WAIVE = "waive"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    OPEN = "open"
    REPORT = "report"
    SHRED = "shred"
    KEYS = "keys"
    RULES = "rules"
    ACCESS = "access"


class Duty(StrEnum):
    """The roles that `roles.cedar` knows."""

    ENGINEER = "engineer"
    VALIDATOR = "validator"
    APPROVER = "approver"
    SOC = "soc"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SERVICE = "service"


class _Raw(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    version: int
    environment: Stage
    people: dict[str, tuple[Duty, ...]] = Field(min_length=1)
    policies: str = ""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who has which role in this environment, and the house's own Cedar beside ours."""

    environment: Stage
    people: Mapping[str, tuple[Duty, ...]]
    own: str
    """Cedar; empty if the built-in roles are all."""


@dataclass(frozen=True, slots=True)
class Request:
    """One act that somebody asks leave for."""

    actor: str
    action: Action
    system: str = HOME
    stage: Stage | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """`criticality`, `kind` and `trained_by` of the system, where they are known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the act is allowed, and by which policies."""

    allowed: bool
    because: tuple[str, ...]
    """Ids of the policies that decided, or why none did."""


def read_access(data: bytes, *, where: str = "access.yaml") -> AccessPolicy:
    """Read and validate. Raises InputError naming line and field; MissingExtra without Cedar.

    A policy that leaves nobody to change it is refused: it could never be mended.
    """
    if len(data) > MAX_FILE:
        raise LimitError(f"more than {MAX_FILE} bytes", where=where)
    tree = read_yaml(data)
    if tree.problems:
        raise as_error(tree.problems, tree.lines, where)
    try:
        raw = _Raw.model_validate(tree.value)
    except ValidationError as error:
        found = [Problem(e["loc"], e["msg"]) for e in error.errors()]
        raise as_error(found, tree.lines, where) from error
    if raw.version != VERSION:
        raise InputError(f"version {raw.version}, this reads {VERSION}", where=where)
    if not any(Duty.ADMIN in roles for roles in raw.people.values()):
        raise InputError("nobody is admin", where=where, fix="give somebody the role admin")
    _validate(raw.policies, where)
    return AccessPolicy(raw.environment, raw.people, raw.policies)


def ask(policy: AccessPolicy, request: Request, now: datetime) -> Answer:
    """May they? A function of its arguments."""
    if request.actor not in policy.people:
        return Answer(allowed=False, because=(f"{request.actor} has no role here",))
    context: dict[str, Any] = {"environment": policy.environment.value, "now": int(now.timestamp())}
    if request.stage is not None:
        context["stage"] = request.stage.value
    asked = {
        "principal": {"type": "Person", "id": request.actor},
        "action": {"type": "Action", "id": request.action.value},
        "resource": {"type": "System", "id": request.system},
        "context": context,
    }
    said = _cedar().is_authorized(asked, _policies(policy.own), _entities(policy, request))
    if errors := tuple(said.diagnostics.errors):
        return Answer(allowed=False, because=errors)
    names = _names(policy.own)
    because = tuple(sorted(names.get(reason, reason) for reason in said.diagnostics.reasons))
    return Answer(allowed=bool(said.allowed), because=because or ("no policy allows it",))


def _entities(policy: AccessPolicy, request: Request) -> list[dict[str, Any]]:
    facts: dict[str, Any] = {k: v for k, v in request.facts.items() if k in {"criticality", "kind"}}
    people = dict(policy.people)
    if trainer := request.facts.get("trained_by"):
        people.setdefault(trainer, ())
        facts["trained_by"] = {"__entity": {"type": "Person", "id": trainer}}
    found = [_entity("Role", duty.value) for duty in Duty]
    found += [
        _entity("Person", name, parents=[{"type": "Role", "id": duty.value} for duty in duties])
        for name, duties in people.items()
    ]
    return [*found, _entity("System", request.system, facts)]


def _entity(
    kind: str,
    name: str,
    attributes: Mapping[str, Any] | None = None,
    *,
    parents: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    uid = {"type": kind, "id": name}
    return {"uid": uid, "attrs": dict(attributes or {}), "parents": parents or []}


def _validate(own: str, where: str) -> None:
    try:
        result = _cedar().validate_policies(_built_in("roles.cedar") + own, _schema())
    except ValueError as error:
        raise InputError(f"policies: {error}", where=where) from error
    if not result.validation_passed:
        raise InputError(f"policies: {result.errors[0].error}", where=where)


@cache
def _policies(own: str) -> Any:
    return _cedar().PolicySet.from_str(_built_in("roles.cedar") + "\n" + own)


@cache
def _names(own: str) -> Mapping[str, str]:
    """The `@id` of each policy, by the name that Cedar gives it in its order."""
    text = _cedar().policies_to_json_str(_built_in("roles.cedar") + "\n" + own)
    found = json.loads(text)["staticPolicies"]
    return {name: policy.get("annotations", {}).get("id", name) for name, policy in found.items()}


@cache
def _built_in(name: str) -> str:
    return files("strongroom.governance.access").joinpath(name).read_text("utf-8")


def _schema() -> str:
    return _built_in("access.cedarschema")


def _cedar() -> Any:
    """Imported at use: the core installs without it, and a home without a policy never asks."""
    try:
        import cedarpy  # noqa: PLC0415  see above
    except ModuleNotFoundError as error:
        raise MissingExtra("policy", "an access policy") from error
    return cedarpy
