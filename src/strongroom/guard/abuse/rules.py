"""The section `abuse:` of a policy: from when on what one user does over time counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1, le=10**9)]
Prefix = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]*$", max_length=80)]


class AbuseRules(BaseModel):
    """See the module; what is done about it stands under `actions: abuse`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    watch: bool = True
    """False: nothing is remembered."""
    window: Annotated[float, Field(ge=60, le=86_400)] = 3_600.0
    """Seconds."""
    near: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Score from which on a message comes near a line."""
    kinds: tuple[Prefix, ...] = ("injection", "jailbreak", "leak")
    """Kinds whose scores count for that."""
    escalation: Annotated[int, Field(ge=2, le=200)] = 4
    """Different messages of a user that came near a line, within the window."""
    alike: Annotated[int, Field(ge=2, le=200)] = 25
    """Messages of a user that are almost alike, within the window."""
    spending: Annotated[float, Field(gt=1, le=1_000)] = 10.0
    """An hour's tokens, as a multiple of the mean of the hours before."""
    least: Count = 50_000
    """Tokens of a user in an hour below which nobody minds."""
    least_of_key: Count = 1_000_000
    """The same of all users of a key."""
    names: Count = 10_000
    """Users that a key names within the window; those beyond count as one."""
