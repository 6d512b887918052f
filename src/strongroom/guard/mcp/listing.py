"""What a server offers, held against what was approved: new, changed and poisoned is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.guard.gateway.judging import judge_parts
from strongroom.guard.gateway.parts import Form, Part
from strongroom.guard.mcp.journal import Journal
from strongroom.guard.mcp.pins import (
    Pins,
    ServerPins,
    digest_of,
    digest_of_text,
    shadowed,
    taken,
)
from strongroom.guard.mcp.reading import LISTS
from strongroom.guard.records import Action, Source

_PINNED: Final = frozenset(("tools", "prompts"))


@dataclass(slots=True)
class Listing:
    """Of one server. Without pins everything is judged, and nothing else is known of it."""

    server: str
    pins: Pins | None
    journal: Journal
    _refused: set[tuple[str, str]] = field(default_factory=set)
    """What was left out of a list: it may not be called either."""

    def may_use(self, section: str, name: Any) -> bool:
        """Whether a tool or prompt may be called by this name."""
        if not isinstance(name, str) or (section, name) in self._refused:
            return False
        if self.pins is None:
            return True
        return name in getattr(self._own, section) and taken(name, self.server, self.pins) is None

    def filter(self, method: str, result: dict[str, Any]) -> None:
        """Leave out of a list what may not be offered; each thing left out is recorded."""
        section = LISTS[method]
        offered = result.get(section)
        kept, seen = [], set[str]()
        for definition in offered if isinstance(offered, list) else []:
            name = definition.get("name") if isinstance(definition, dict) else None
            why = (
                "name" if not isinstance(name, str) or (section == "tools" and name in seen) else ""
            )
            why = why or self._why_not(section, definition)
            seen.add(str(name))
            if not why:
                why = self._judged(method, definition)
            if why:
                self.journal.refused(method, "output", why, tool=str(name)[:200])
                if self.journal.enforced:
                    self._refused.add((section, str(name)))
                    continue
            self._refused.discard((section, str(name)))
            kept.append(definition)
        if section in result:
            result[section] = kept

    def instructions(self, method: str, result: dict[str, Any]) -> None:
        """Take a server's instructions away if they are not those that were approved."""
        if method not in ("initialize", "server/discover") or self.pins is None:
            return
        text = result.get("instructions") or ""
        if digest_of_text(str(text)) != self._own.instructions:
            self.journal.refused(method, "output", "pin")
            if self.journal.enforced:
                result.pop("instructions", None)

    @property
    def _own(self) -> ServerPins:
        servers = self.pins.servers if self.pins else {}
        return servers.get(self.server, ServerPins())

    def _why_not(self, section: str, definition: dict[str, Any]) -> str:
        if section not in _PINNED or self.pins is None:
            return ""
        name = definition["name"]
        if section == "tools" and taken(name, self.server, self.pins):
            return "collision"
        if section == "tools" and shadowed(definition, self.server, self.pins):
            return "shadowing"
        pinned: dict[str, str] = getattr(self._own, section)
        if name not in pinned:
            return "unpinned"
        return "" if pinned[name] == digest_of(definition) else "changed"

    def _judged(self, method: str, definition: dict[str, Any]) -> str:
        """Judge a definition as the data that it is; masking would change what was approved."""
        part = Part(Source.CONTEXT, [definition], 0, Form.TREE)
        texts = [part.text]
        verdict = judge_parts([part], self.journal.guard, None, self.journal.grounds)
        self.journal.judged(method, "output", verdict, texts, "", str(definition.get("name")))
        return "poisoned" if verdict.action is Action.BLOCK else ""
