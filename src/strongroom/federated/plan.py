"""The plan: what all parties agreed on, in a file that each of them holds.

Bank and coordinator each start with their own copy, and neither works with whoever has another: the
plan's digest is in everything that is signed. So nothing that arrives over the network can lower a
threshold, drop secure aggregation or take noise away.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from strongroom.domain.canonical import digest_of
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, LimitError
from strongroom.federated.messages import check_name, check_threshold
from strongroom.keys.keypair import PublicKey

MAX_FILE: Final = 256 * 1024
_RAW_ED25519: Final = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 raw bytes in SubjectPublicKeyInfo (RFC 8410)."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetPlan(_Part):
    """Logistic regression (no hidden layer) or a small net, by FedAvg or FedProx."""

    kind: Literal["net"]
    hidden: tuple[Annotated[int, Field(ge=1, le=512)], ...] = Field(default=(), max_length=3)
    """Units of each hidden layer (tanh)."""
    epochs: int = Field(default=1, ge=1, le=100)
    """Over a bank's own rows, in each round."""
    batch: int = Field(default=256, ge=1, le=1_000_000)
    learning_rate: float = Field(default=0.1, gt=0, le=10)
    proximal: float = Field(default=0.0, ge=0, le=100)
    """FedProx's mu: how hard a bank is pulled back to the common model; 0 is FedAvg."""


class BoostingPlan(_Part):
    """Gradient-boosted trees: a round is a tree."""

    kind: Literal["boosting"]
    depth: int = Field(default=4, ge=1, le=8)
    bins: int = Field(default=64, ge=2, le=256)
    learning_rate: float = Field(default=0.2, gt=0, le=1)
    l2: float = Field(default=1.0, ge=0, le=1e6)
    max_step: float = Field(default=2.0, gt=0, le=100)
    """Largest value of a leaf before the learning rate: where one class is rare, second derivatives
    are small and steps without this bound overshoot."""
    min_weight: float = Field(default=5.0, gt=0, le=1e9)
    """Least sum of second derivatives on either side of a split."""


class AggregationPlan(_Part):
    """How banks' vectors become one."""

    rule: Literal["secure", "median", "trimmed-mean", "krum"] = "secure"
    """All but `secure` need each bank's update in plain: they are against a bank that poisons, and
    not against a coordinator that is curious."""
    tolerated: int = Field(default=0, ge=0, le=64)
    """Banks that may be false: so many are trimmed at each end, or allowed for by Krum."""


class PrivacyPlan(_Part):
    """Differentially private training of a net: what one row can change is bounded and drowned."""

    clip: float = Field(default=1.0, gt=0, le=1000)
    """Largest L2 norm of one row's gradient."""
    noise_multiplier: float = Field(gt=0, le=1000)
    """Standard deviation of the noise, over `clip`; each bank adds all of it by itself."""
    sampling: float = Field(gt=0, le=1)
    """Chance of each row to be in a step (Poisson)."""
    steps: int = Field(default=20, ge=1, le=10_000)
    """In each round."""


class TimePlan(_Part):
    """Seconds; who takes longer is out of the round."""

    gather: float = Field(default=60.0, gt=0, le=86_400)
    """For all banks to call, before the first round; then it begins with those that did."""
    work: float = Field(default=300.0, gt=0, le=86_400)
    """To compute a vector."""
    phase: float = Field(default=30.0, gt=0, le=3600)
    """For each later step of an aggregation."""


class Plan(_Part):
    """All of it."""

    version: Literal[1]
    system: str = Field(min_length=1, max_length=128)
    members: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """Each bank and the 32 bytes of its Ed25519 key: which certificate and signatures it uses."""
    coordinator: str
    """The name in the coordinator's certificate."""
    threshold: int
    rounds: int = Field(ge=1, le=10_000)
    target: str = Field(min_length=1, max_length=128)
    features: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(
        min_length=1, max_length=1000
    )
    seed: int = Field(default=0, ge=0, lt=2**53)
    model: NetPlan | BoostingPlan = Field(discriminator="kind")
    aggregation: AggregationPlan = AggregationPlan()
    privacy: PrivacyPlan | None = None
    time: TimePlan = TimePlan()

    @model_validator(mode="after")
    def _sensible(self) -> Plan:
        check_threshold(self.threshold, len(self.members))
        for name in (*self.members, self.coordinator):
            check_name(name)
        if self.coordinator in self.members:
            raise InputError("the coordinator is no bank", fix="give it a name of its own")
        if len(set(self.members.values())) != len(self.members):
            raise InputError("two banks have one key")
        if len(set(self.features)) != len(self.features) or self.target in self.features:
            raise InputError("features are listed once each, without the target")
        if self.model.kind == "boosting" and self.aggregation.rule != "secure":
            raise InputError("boosting adds histograms up: it takes the rule secure")
        if self.model.kind == "boosting" and self.privacy is not None:
            raise InputError("differential privacy is for nets", fix='model.kind = "net"')
        if self.aggregation.rule == "krum" and self.threshold < 2 * self.aggregation.tolerated + 3:
            raise InputError("Krum takes 2 f + 3 banks to tolerate f", fix="raise the threshold")
        if 2 * self.aggregation.tolerated >= self.threshold:
            raise InputError("more than half of the banks must be honest", fix="lower `tolerated`")
        return self

    @property
    def digest(self) -> Digest:
        """What the parties compare."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def keys(self) -> Mapping[str, PublicKey]:
        """The banks' keys."""
        return {name: public_key(raw) for name, raw in self.members.items()}


def public_key(raw: str) -> PublicKey:
    """From 64 hexadecimal digits. Raises InputError."""
    return PublicKey.from_der(_RAW_ED25519 + bytes.fromhex(raw))


def parse_plan(data: bytes, *, where: str) -> Plan:
    """Read a plan in TOML. Raises InputError with every problem."""
    if len(data) > MAX_FILE:
        raise LimitError(f"{len(data)} bytes of plan, {MAX_FILE} allowed", where=where)
    try:
        raw: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
        plan = Plan.model_validate(raw)
        _ = plan.keys
    except InputError as error:
        raise InputError(error.what, where=where, fix=error.fix) from error
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'plan'}: {one['msg']}" for one in error.errors()
        )
        raise InputError(said, where=where, fix="see docs/federated.md") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML
        raise InputError(f"not TOML: {error}", where=where) from error
    return plan
