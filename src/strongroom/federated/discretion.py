"""What a bank remembers of the sums it was part of, so that two of them never give one vector away.

The sum of ash, birch, cedar and elm, less the sum of ash, birch and cedar for the same task, is
elm's vector: masks do not help. So before a bank agrees to a company it asks:

1. The same task, or the same round and stage, may be summed again only among the same banks.
2. A later stage of a round is summed among the banks of its first stage.
3. Rounds do not go back.

A repetition among the same banks gives the same sum, and nothing new. What this does not stop:
models that differ a little, in two rounds with unlike companies, give nearly one bank's vector; see
docs/federated.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from strongroom.domain.digests import Digest
from strongroom.domain.errors import DeniedError, InputError
from strongroom.federated.messages import names
from strongroom.federated.tasks import Task


@dataclass(frozen=True, slots=True)
class Given:
    """One sum that this bank was part of."""

    round: int
    stage: int
    content: Digest
    company: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A line of the bank's own file."""
        about = {"round": self.round, "stage": self.stage, "content": str(self.content)}
        return {**about, "company": list(self.company)}

    @classmethod
    def from_json(cls, raw: Any) -> Given:
        """Read back. Raises InputError."""
        try:
            content, company = Digest.parse(raw["content"]), names(raw["company"])
            return cls(int(raw["round"]), int(raw["stage"]), content, company)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("not a line of what was given") from error


def objection(given: Iterable[Given], task: Task, company: tuple[str, ...]) -> str | None:
    """Why the bank must not be part of this sum, or None."""
    for one in given:
        place = f"round {one.round} stage {one.stage}"
        if task.round < one.round:
            return f"round {task.round} after {place}"
        same_place = (one.round, one.stage) == (task.round, task.stage)
        if same_place and one.content != task.content:
            return f"{place} was another task before"
        if (same_place or one.content == task.content) and one.company != company:
            return f"{place} was summed among {', '.join(one.company)}"
        if one.round == task.round and one.stage == 0 and one.company != company:
            return f"the round began among {', '.join(one.company)}"
    return None


def check(given: Iterable[Given], task: Task, company: tuple[str, ...]) -> Given:
    """What to write down before the sum. Raises DeniedError when the bank must not take part."""
    why = objection(given, task, company)
    if why is not None:
        raise DeniedError(
            f"a second sum would tell what one bank sent: {why}",
            where=f"round {task.round} stage {task.stage}",
            fix="repeat it among the same banks, or agree on a new plan",
        )
    return Given(task.round, task.stage, task.content, company)
