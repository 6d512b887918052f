"""Orders to an assistant, told by words that stand near each other, in many languages.

**What it looks at**: every reading of a message that is not the system's own.

**What it finds**: instructions to forget or break instructions, to give away the system prompt, to
play somebody without rules; marks of chat formats; and in data also whatever addresses the
assistant: pay without review, change the payee, do not tell the user, send data elsewhere.

**Who speaks matters**: a user may give orders, so only attacks on the rules count. Data may give
none. A question about the matter ("how do I …") counts half.

**How**: one Aho-Corasick pass finds the words of all classes and languages (`injection/words`);
rules (`injection/rules.toml`) say which classes must stand near each other. Linear in the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.guard.detectors.injection.lexicon import Found, Lexicon, lexicon
from strongroom.guard.detectors.injection.rules import Match, matches, rules, seeds
from strongroom.guard.records import Detection, Message, Source, View

DISGUISED: Final = 0.1
"""Added where an order was disguised: nobody encodes an innocent one."""
ABOUT: Final = 80
"""Characters before a match in which a question makes it one about the matter."""


@dataclass(frozen=True, slots=True)
class InjectionPatterns:
    """See the module."""

    words: Lexicon
    name: str = "injection.patterns"
    version: int = 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that some rule has."""
        return tuple(sorted({rule.kind for rule in rules()}))

    def inspect(self, message: Message) -> Iterator[Detection]:
        """The best reading of each rule's match."""
        if message.source is Source.SYSTEM:
            return
        best: dict[str, Detection] = {}
        for view in message.views:
            found = self.words.find(view.folded)
            if not found:
                continue
            for match in matches(found):
                detection = self._detection(message.source, view, match, found)
                if detection is None:
                    continue
                known = best.get(match.rule.id)
                if known is None or detection.score > known.score:
                    best[match.rule.id] = detection
        yield from best.values()

    def _detection(
        self, source: Source, view: View, match: Match, found: Found
    ) -> Detection | None:
        rule = match.rule
        score = rule.data if source.is_data else rule.user
        if score <= 0:
            return None
        if rule.howto and not source.is_data and _asked_about(match, found):
            score /= 2
        decoded = view.how_of(*view.fold_trail.back(match.start, match.end))
        if decoded:
            score = min(1.0, score + DISGUISED)
        return Detection(
            f"{self.name}@{self.version}",
            rule.kind,
            round(score, 3),
            view.folded_to_original(match.start, match.end),
            decoded,
            {"rule": rule.id, "language": match.language},
        )


def _asked_about(match: Match, found: Found) -> bool:
    questions = found.get(match.language, {}).get("howto", ())
    return any(match.start - ABOUT <= hit.start <= match.start for hit in questions)


def load() -> InjectionPatterns:
    """The detector with its words. Raises MissingExtra without the guard extra."""
    return InjectionPatterns(lexicon(seeds()))
