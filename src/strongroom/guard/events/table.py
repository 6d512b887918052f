"""Tables of names: which field of somebody's standard holds which fact of an event.

The standards' names stand in `ocsf.toml` and `genai.toml`, and nowhere else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from strongroom.guard.events.event import Event

_EMPTY: Final[tuple[Any, ...]] = (None, "", (), [])


@cache
def table(name: str) -> Mapping[str, Any]:
    """A table beside this module."""
    text = resources.files("strongroom.guard.events").joinpath(name).read_text("utf-8")
    return tomllib.loads(text)


def facts_of(event: Event, names: Mapping[str, Any]) -> dict[str, Any]:
    """All that can be told of an event; `names` holds the standard's own words for ours."""
    kinds = list(dict.fromkeys(d.kind for d in event.detections))
    end = round(event.at.timestamp() * 1000)
    facts = {name: getattr(event, name) for name in event.__slots__ if name != "detections"}
    facts |= {
        "uid": event.uid,
        "end_ms": end,
        "start_ms": end - event.micros // 1000,
        "millis": event.micros // 1000,
        "percent": round(event.score * 100),
        "kinds": kinds,
        "detectors": list(dict.fromkeys(d.detector for d in event.detections)),
        "decoded": list(dict.fromkeys(how for d in event.detections for how in d.decoded)),
        "failures": list(event.failures),
        "title": f"{event.direction}: {', '.join(kinds) or event.reason or 'nothing found'}",
    }
    for word, (source, words) in names.items():
        facts[word] = words.get(str(facts[source]), words.get("*"))
    return facts


def filled(fields: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """A document by a table `{"a/b": "$fact" or a constant}`; what is empty is left out."""
    document: dict[str, Any] = {}
    for path, source in fields.items():
        value = facts[source[1:]] if str(source).startswith("$") else source
        if value in _EMPTY:
            continue
        *folders, last = path.split("/")
        place = document
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return document
