"""National ids and tax numbers of Malaysia, Qatar, Nigeria, Switzerland, the US, the UK and the EU.

**What it looks at**: every reading of a message, whoever speaks.

**False alarms**: a number without a check digit counts only as people write it, or after a word
that names it ("BVN", "NRIC"). The forms, checks and words are data: `national_ids.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.guard.detectors.checks import CHECKS
from strongroom.guard.detectors.values import Form, Forms, find, table
from strongroom.guard.records import Detection, Message


@dataclass(frozen=True, slots=True)
class NationalIds:
    """See the module."""

    forms: Forms
    name: str = "pii.national_ids"
    version: int = 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """One kind a sort of number."""
        return tuple(sorted({form.kind for form in self.forms.all}))

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every number that is one of these."""
        return find(f"{self.name}@{self.version}", message, self.forms)


def load() -> NationalIds:
    """The detector with the forms of `national_ids.toml`."""
    forms = tuple(
        Form(
            kind=f"pii.national_id.{raw['name']}",
            pattern=re.compile(pattern),
            valid=CHECKS[raw["check"]],
            alone=raw["alone"],
            named=raw["named"],
            hints=tuple(raw["hints"]),
            needs=tuple(need.encode() for need in raw["needs"]),
        )
        for raw in table("national_ids.toml")["id"]
        for pattern in raw["patterns"]
    )
    return NationalIds(Forms(forms))
