"""What is recorded of each decision: what was seen and done, an HMAC in place of the content."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Protocol

from strongroom.domain.errors import StoreError
from strongroom.guard.records import Action, Detection


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of the gateway about one request or one answer."""

    at: str
    """RFC 3339, UTC."""
    id: str
    """Of the request; the client gets it in `x-strongroom-decision`."""
    tenant: str
    key: str
    """Its name, never the key."""
    route: str
    model: str
    upstream: str
    direction: str
    """"input" or "output"."""
    policy: str
    """Digest."""
    mode: str
    """"enforce" or "observe"."""
    action: str
    """What was done."""
    would: str
    """What is done where the policy is enforced."""
    score: float
    detections: tuple[Detection, ...]
    failures: tuple[str, ...]
    reason: str
    """Why without a detection: "image", "malformed"; empty otherwise."""
    streamed: bool
    late: bool
    """Something was seen of which a part had left."""
    micros: int
    """Of judging."""
    content: str
    """HMAC-SHA256 of all texts that were judged, in hexadecimal."""
    chars: int = 0
    """Length of all texts that were judged."""
    conversation: str = ""
    """A name that turns of one conversation share; says nothing else."""
    user: str = ""
    """A name that requests of one user share, where users are watched; says nothing else."""
    sealed: str = ""
    """The texts, where the policy wants them kept; see `guard/events/content.py`."""

    def to_json(self) -> dict[str, Any]:
        """As it is written; holds nothing of the content."""
        told = {name: getattr(self, name) for name in _TOLD}
        if not self.sealed:
            del told["sealed"]
        told["detections"] = [
            {"detector": d.detector, "kind": d.kind, "score": d.score,
             "span": list(d.span), "decoded": list(d.decoded)}
            for d in self.detections
        ]  # fmt: skip
        return told


_TOLD: Final = tuple(field.name for field in fields(Decided) if field.name != "detections")


class Sink(Protocol):
    """Where decisions go."""

    def record(self, event: Decided) -> None:
        """Keep one. Raises StoreError if it cannot; then nothing passes that is not recorded."""
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


@dataclass(frozen=True, slots=True)
class Both:
    """Several sinks, in order."""

    sinks: Sequence[Sink]

    def record(self, event: Decided) -> None:
        """Give it to each."""
        for sink in self.sinks:
            sink.record(event)

    def close(self) -> None:
        """Close each."""
        for sink in self.sinks:
            sink.close()


class FileSink:
    """A file of JSON lines, one for each decision; made for its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.touch(mode=0o600)
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error

    def record(self, event: Decided) -> None:
        """Append a line."""
        line = json.dumps(event.to_json(), separators=(",", ":")).encode() + b"\n"
        try:
            if self._file.write(line) != len(line):
                raise StoreError("was written in part: is the disk full?", where=str(self._path))
        except OSError as error:
            raise StoreError(
                f"cannot be written: {error.strerror}", where=str(self._path)
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Fingerprint:
    """HMAC of texts, piece by piece."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod=hashlib.sha256)

    def add(self, text: str) -> None:
        """Add one text, or the next part of one."""
        self._mac.update(text.encode("utf-8", "replace"))

    def between(self) -> None:
        """Mark the end of a text."""
        self._mac.update(b"\0")

    def hex(self) -> str:
        """The HMAC so far."""
        return self._mac.hexdigest()


def worst(actions: Sequence[Action]) -> str:
    """The hardest action's name."""
    return max(actions, key=lambda action: action.rank, default=Action.ALLOW).value
