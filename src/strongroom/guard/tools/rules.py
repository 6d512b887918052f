"""The section `tools:` of a guard policy: what a model may call, and with which values.

tools:
  allow:
    lookup_beneficiary: {trusted: true}
    release_payment:
      consequential: true
      arguments:
        iban: {kind: account, of: [lookup_beneficiary.iban]}
        amount: {kind: amount, most: 10000}
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=4_000)]
Count = Annotated[int, Field(ge=0, le=10**9)]
Amount = Annotated[float, Field(ge=-1e15, le=1e15)]
Kind: TypeAlias = Literal["text", "account", "amount", "url", "email", "flag", "json"]
"""How a value reads, and so how it is looked for. An account is any number or code of a payee."""
Tool = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ArgumentRule(_Part):
    """What may stand in one argument."""

    kind: Kind = "text"
    required: bool = False
    origin: Literal["trusted", "any"] | None = None
    """Where its value may come from; without it: trusted in a consequential call, any in others."""
    of: tuple[Annotated[str, Field(pattern=r"^[^.]+\.[^.]+$", max_length=400)], ...] = ()
    """Only a value of these fields of trusted tools' results: `lookup_beneficiary.iban`."""
    among: tuple[Text, ...] = ()
    """Only one of these; the policy itself says so, so its origin does not count."""
    pattern: Text | None = None
    """Regular expression that the whole of it matches."""
    least: Amount | None = None
    most: Amount | None = None
    chars: Annotated[int, Field(ge=1, le=1_000_000)] = 4_000


class Velocity(_Part):
    """So much within a while."""

    seconds: Annotated[float, Field(gt=0, le=31_622_400)]
    calls: Count | None = None
    argument: Text | None = None
    """An amount, of which the sum is bounded."""
    sum: Amount | None = None


class ApprovalRule(_Part):
    """Which calls a person approves: all of a tool, or those above an amount."""

    argument: Text | None = None
    above: Amount | None = None


class ToolRule(_Part):
    """What may be done with one tool."""

    consequential: bool = False
    """Its arguments are declared, and come from trusted sources unless they say otherwise."""
    trusted: bool = False
    """What it returns is a source of values: a master file of the bank's own."""
    arguments: dict[Text, ArgumentRule] = Field(default_factory=dict)
    calls: Count | None = None
    """Of one conversation."""
    cost: Annotated[float, Field(ge=0)] = 0.0
    approval: ApprovalRule | None = None
    velocity: tuple[Velocity, ...] = ()


class ToolRules(_Part):
    """The section."""

    allow: dict[Tool, ToolRule] = Field(default_factory=dict)
    unknown: Literal["refuse", "allow"] = "refuse"
    """Tools that `allow` does not name."""
    plan: Literal["pinned", "free"] = "free"
    """Pinned: once untrusted content was read, no tool is called that was not agreed before."""
    calls: Count | None = None
    """Of one conversation, all tools together."""
    cost: Annotated[float, Field(ge=0)] | None = None
    repeats: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Calls of one tool with equal arguments in one conversation."""
    approvers: tuple[Text, ...] = ()
    """Public keys (PEM) of those who approve calls."""
