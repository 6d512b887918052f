"""One decision of the guard as it is told: what was seen, what was done, by which policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strongroom.domain.canonical import format_time, parse_time
from strongroom.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class Seen:
    """One detection; never the value itself."""

    detector: str
    """Name and version: "injection.patterns@1"."""
    kind: str
    score: float
    span: tuple[int, int]
    """Characters of the text that was given."""
    decoded: tuple[str, ...]
    """What had to be undone to see it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One decision. Holds nothing of the content, unless the policy had it sealed."""

    at: datetime
    id: str
    """Of the request; its input and its output share it."""
    direction: str
    """"input" or "output"."""
    action: str
    """What was done: allow, flag, mask or block."""
    would: str
    """What is done where the policy is enforced."""
    score: float
    policy: str
    """Digest of the policy."""
    micros: int
    """Of judging."""
    content: str
    """HMAC-SHA256 of all texts that were judged, in hexadecimal."""
    chars: int = 0
    """Length of all texts that were judged."""
    detections: tuple[Seen, ...] = ()
    failures: tuple[str, ...] = ()
    reason: str = ""
    """Why without a detection: "image", "malformed"."""
    mode: str = "enforce"
    tenant: str = ""
    key: str = ""
    """Name of the caller's key."""
    route: str = ""
    model: str = ""
    upstream: str = ""
    conversation: str = ""
    """A name that turns of one conversation share; says nothing else."""
    user: str = ""
    """A name that requests of one user share, where users are watched; says nothing else."""
    streamed: bool = False
    late: bool = False
    """Something was seen of which a part had left."""
    sealed: str = ""
    """The texts, sealed and in base64, where the policy says so (`content.py`)."""

    @property
    def uid(self) -> str:
        """Of this event alone."""
        return f"{self.id}.{self.direction}"

    def to_json(self) -> dict[str, Any]:
        """As a line of the log has it."""
        told = {name: getattr(self, name) for name in self.__slots__ if name != "sealed"}
        told["at"] = format_time(self.at)
        told["failures"] = list(self.failures)
        told["detections"] = [
            {"detector": d.detector, "kind": d.kind, "score": d.score,
             "span": list(d.span), "decoded": list(d.decoded)}
            for d in self.detections
        ]  # fmt: skip
        return told | ({"sealed": self.sealed} if self.sealed else {})

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], *, where: str = "event") -> Event:
        """Read a line back; fields of other releases are left. Raises InputError."""
        try:
            known = {name: raw[name] for name in cls.__slots__ if name in raw}
            known["at"] = parse_time(raw["at"])
            known["failures"] = tuple(str(one) for one in raw.get("failures", ()))
            known["detections"] = tuple(
                Seen(d["detector"], d["kind"], float(d["score"]),
                     (int(d["span"][0]), int(d["span"][1])), tuple(d["decoded"]))
                for d in raw.get("detections", ())
            )  # fmt: skip
            return cls(**known)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"no event of the guard: {error!r}", where=where) from error
