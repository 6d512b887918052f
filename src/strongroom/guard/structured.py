"""Outputs against the schemas that a policy, or a request, wants of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from strongroom.domain.errors import InputError
from strongroom.guard.gateway.body import read_json
from strongroom.guard.policy import OutputRules
from strongroom.guard.records import Detection
from strongroom.guard.schemas import Misfit, OutputSchema

DETECTOR: Final = "output.schema@1"
EMPTY: Final = Misfit("schema.not_json", "nothing was said")


@dataclass(frozen=True, slots=True)
class Structured:
    """What an output must satisfy: all of these."""

    schemas: Sequence[OutputSchema | Misfit]
    """A Misfit for one that cannot be used: then nothing satisfies it."""
    chars: int

    def judge(self, outputs: Iterable[str]) -> tuple[Detection, ...]:
        """What is wrong with outputs, each kind of misfit once."""
        found: dict[str, Detection] = {}
        for text in outputs:
            for misfit in self._misfits(text):
                facts = {"what": misfit.what}
                one = Detection(DETECTOR, misfit.kind, 1.0, (0, len(text)), (), facts)
                found.setdefault(misfit.kind, one)
        return tuple(found.values())

    def _misfits(self, text: str) -> Iterator[Misfit]:
        if len(text) > self.chars:
            yield Misfit("schema.unusable", f"is longer than {self.chars} characters")
            return
        if not text.strip():
            yield EMPTY
            return
        for schema in self.schemas:
            misfit = schema if isinstance(schema, Misfit) else schema.judge(text, read_json)
            if misfit is not None:
                yield misfit


def structured(rules: OutputRules | None, asked: Any = None) -> Structured | None:
    """What a policy wants of outputs; `asked`: the schema that the request names, if any."""
    if rules is None:
        return None
    wanted = [rules.json_schema] if rules.json_schema is not None else []
    wanted += [asked] if rules.from_request and asked is not None else []
    return (
        Structured([_compiled(json.dumps(one)) for one in wanted], rules.chars) if wanted else None
    )


@lru_cache(maxsize=256)
def _compiled(schema: str) -> OutputSchema | Misfit:
    try:
        return OutputSchema(json.loads(schema))
    except InputError as error:
        return Misfit("schema.unusable", f"the schema cannot be used: {error}")
