"""Reasons of a decline in words, after what United States credit law asks of them.

Whom it binds, and what it asks (ECOA, 15 U.S.C. 1691(d); Regulation B, 12 CFR 1002.9):

* a creditor who declines gives a statement of *specific* reasons; that somebody failed to reach a
  qualifying score, or the creditor's own standards or policies, is no reason (1002.9(b)(2));
* no number is fixed, but more than four reasons are not likely to help (comment 9(b)(2)-1);
* they must relate to and accurately describe the factors actually considered or scored (comment
  9(b)(2)-2), and no factor that was a principal reason may be left out (comment 9(b)(2)-4);
* any method does that names the factors on which the score fell furthest below the average of all
  applicants, or of those at or slightly above the passing score (comment 9(b)(2)-5). Those are
  `reference` below: the mean contributions of all rows, or of the rows that just passed.

For a payment that is declined as likely fraud no such law is known to us; the same reasons serve
the agent who is asked why. Whether contributions of features *are* the reasons of a model in the
eyes of the law is for lawyers to say, not for this module.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from strongroom.assess.explain.shapley import Explanation
from strongroom.assess.measures.groups import Bools, Floats
from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError, LimitError

USUAL_MOST: Final = 4
"""Reasons to a notice, after comment 9(b)(2)-1."""
_MAX_BYTES: Final = 1_000_000
_VAGUE: Final = Path(__file__).with_name("vague_reasons.toml")


@dataclass(frozen=True, slots=True)
class Words:
    """What each feature is called in a notice. Features with the same words are one reason."""

    of: Mapping[str, str]
    """Words by feature."""
    digest: Digest | None = None
    """Of the file that they came from; None for the features' own names."""

    def vague(self) -> tuple[str, ...]:
        """Features whose words are no specific reason by 12 CFR 1002.9(b)(2)."""
        phrases = _vague_phrases()
        return tuple(f for f, text in self.of.items() if any(p in text.lower() for p in phrases))


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of one decline."""

    words: str
    features: tuple[str, ...]
    """Whose contributions it sums."""
    contribution: float
    """By how much it raises the score above the reference's, on the explanation's scale."""


def named(features: Sequence[str]) -> Words:
    """The features' own names, where nobody wrote words."""
    return Words({feature: feature.replace("_", " ") for feature in features})


def read_words(path: Path, features: Sequence[str]) -> Words:
    """Words from a TOML file: `[reasons]` with a text for each feature.

    Every feature of the model must be there: any of them may come to be a principal reason. Raises
    InputError, LimitError.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path.name) from error
    if len(data) > _MAX_BYTES:
        raise LimitError(f"more than {_MAX_BYTES} bytes of reasons", where=path.name)
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not TOML: {error}", where=path.name) from error
    return Words(_texts(raw, features, path.name), sha256(data))


def _texts(raw: Mapping[str, Any], features: Sequence[str], where: str) -> Mapping[str, str]:
    table = raw.get("reasons")
    if raw.get("version") != 1 or not isinstance(table, dict) or set(raw) != {"version", "reasons"}:
        raise InputError(
            "reasons are `version = 1` and a table `[reasons]`, and nothing else", where=where
        )
    if bad := [
        name for name, text in table.items() if not isinstance(text, str) or not text.strip()
    ]:
        raise InputError(f"no words for {', '.join(sorted(bad)[:10])}", where=where)
    if missing := [name for name in features if name not in table]:
        raise InputError(f"no words for {', '.join(missing[:10])}", where=where)
    if stray := set(table) - set(features):
        raise InputError(
            f"words for {', '.join(sorted(stray)[:10])}, which the model does not read", where=where
        )
    return {name: table[name].strip() for name in features}


def principal_reasons(
    explanation: Explanation,
    features: Sequence[str],
    words: Words,
    *,
    reference: Floats,
    most: int = USUAL_MOST,
) -> tuple[tuple[Reason, ...], ...]:
    """The reasons of each row, the strongest first; `reference` (features,) is what is average.

    Features of the same words are added up before they are ranked, so that a cause that is spread
    over several columns is neither lost nor told twice. Only what raises the score is a reason.
    """
    texts = [words.of[feature] for feature in features]
    distinct = list(dict.fromkeys(texts))
    into = np.array([[text == one for one in distinct] for text in texts], dtype=np.float64)
    above = (explanation.contributions - reference) @ into
    members = {
        one: tuple(f for f, t in zip(features, texts, strict=True) if t == one) for one in distinct
    }
    order = np.argsort(-above, axis=1, kind="stable")[:, :most]
    return tuple(
        tuple(
            Reason(distinct[i], members[distinct[i]], float(above[row, i]))
            for i in places
            if above[row, i] > 0
        )
        for row, places in enumerate(order)
    )


def just_passed(scores: Floats, threshold: float, *, share: float = 0.1) -> Bools:
    """Which rows, (rows,) of bool, passed by the least: the `share` of them below the threshold."""
    passed = scores < threshold
    if not passed.any():
        raise InputError("nobody passed, so there is nobody to compare a decline with")
    edge = np.quantile(scores[passed], 1 - share, method="lower")
    made: Bools = passed & (scores >= edge)
    return made


def _vague_phrases() -> tuple[str, ...]:
    return tuple(tomllib.loads(_VAGUE.read_text("utf-8"))["phrases"])
