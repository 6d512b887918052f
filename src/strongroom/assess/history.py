"""What a home knows beside the manifest; a check gets what it asked for by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from strongroom.assess.advisories.held import Held
from strongroom.assess.predecessor import Predecessor
from strongroom.assess.provenance.known import Known


@dataclass(frozen=True, slots=True)
class History:
    """All of it, or a part."""

    predecessors: tuple[Predecessor, ...] = ()
    """Sealed versions of the system, the oldest first."""
    provenance: tuple[Known, ...] = ()
    """Recorded runs of the system that are believed, likewise."""
    mirror: Held | None = None
    """The home's mirror of advisories."""

    def only(self, names: Iterable[str]) -> History:
        """The part of those names."""
        return History(**{name: getattr(self, name) for name in names})

    def identity(self) -> Mapping[str, Any]:
        """JSON of what decides; without what is not there, so that it may come to be."""
        told = {
            "predecessors": self.predecessors,
            "provenance": [known.statement for known in self.provenance],
            "mirror": self.mirror.identity() if self.mirror else None,
        }
        return {name: value for name, value in told.items() if value}


NAMES: Final = tuple(field.name for field in fields(History))
