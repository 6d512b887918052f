"""An event as OCSF 1.8 has it: a Detection Finding if something was found, else API Activity."""

from __future__ import annotations

from typing import Any, Final

from strongroom.guard.events.event import Event
from strongroom.guard.events.table import facts_of, filled, table

_TABLE: Final = "ocsf.toml"
_NOBODY: Final = {"tenant": "local", "key": "local", "route": "check", "upstream": "unknown",
                  "model": "unknown"}  # fmt: skip
"""Where an event names none; the standard wants a word."""
_LEARNING: Final = 4
_RULE: Final = 1
"""`analytic.type_id`."""


def to_ocsf(event: Event) -> dict[str, Any]:
    """One document of the class that fits."""
    names = table(_TABLE)
    facts = facts_of(event, names["words"])
    facts |= {name: facts[name] or word for name, word in _NOBODY.items()}
    facts["analytics"] = [_analytic(name) for name in facts["detectors"]]
    facts["evidences"] = [
        {"data": {"detector": d.detector, "kind": d.kind, "score": d.score,
                  "span": list(d.span), "decoded": list(d.decoded)}}
        for d in event.detections
    ]  # fmt: skip
    facts["resources"] = [{"name": facts["model"], "type": "model"}]
    found = bool(event.detections or event.failures or event.reason)
    own = names["detection_finding" if found else "api_activity"]
    return filled({**names["common"], **own}, facts)


def _analytic(detector: str) -> dict[str, Any]:
    name, _, version = detector.partition("@")
    learned = name.endswith(".model")
    kind = {"type_id": _LEARNING, "type": "Learning (ML/DL)"} if learned else {
        "type_id": _RULE, "type": "Rule"
    }  # fmt: skip
    return {"name": name, "uid": detector, "version": version, **kind}
