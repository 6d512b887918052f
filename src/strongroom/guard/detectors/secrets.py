"""Secrets: private keys, cloud and API keys, tokens, connection strings, passwords.

**What it looks at**: every reading of a message, whoever speaks.

**False alarms**: a value after "password:" or "api key =" counts only if it is no word: it mixes
letters with digits or signs, and has the entropy of a secret. The forms are data, shared with the
scanner of files: `strongroom/domain/secrets.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.domain.secrets import SecretRule, secret_rules
from strongroom.guard.detectors.values import MAX_FOUND, told
from strongroom.guard.records import Detection, Message, View
from strongroom.guard.triggers import Triggers


@dataclass(frozen=True, slots=True)
class Secrets:
    """See the module."""

    rules: tuple[SecretRule, ...]
    literals: Triggers
    """One group a rule."""
    name: str = "secrets"
    version: int = 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """One kind a rule."""
        return tuple(sorted({rule.kind for rule in self.rules}))

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every secret, once."""
        seen: set[tuple[str, int, int]] = set()
        for view in message.views:
            for number in sorted(self.literals.groups(view.folded)):
                for detection in self._found(view, self.rules[number]):
                    key = (detection.kind, *detection.span)
                    if key not in seen:
                        seen.add(key)
                        yield detection

    def _found(self, view: View, rule: SecretRule) -> Iterator[Detection]:
        for count, match in enumerate(rule.pattern.finditer(view.text)):
            if count >= MAX_FOUND:
                return
            group = match.lastindex or 0
            if rule.holds(match.group(group)):
                span = match.span(group)
                yield told(f"{self.name}@{self.version}", view, rule.kind, rule.score, span)


def load() -> Secrets:
    """The detector with the rules that are for messages."""
    rules = tuple(rule for rule in secret_rules() if not rule.files)
    return Secrets(rules, Triggers(rule.literals for rule in rules))
