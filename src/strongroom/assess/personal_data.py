"""Tells personal data by value: card numbers, IBANs, e-mail, phones, national ids. Vectorised.

A checksum is passed by chance by one random number in ten, so a column of plain digits is believed
to be personal data only if far more of it passes than chance explains; a number that is written as
people write it (grouped, after its name, in a column of that name) is believed at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strongroom.domain.identifiers import (
    DAY,
    NEVER_SSN,
    card_pattern,
    facts,
    mod97,
    nric_pattern,
    qid_pattern,
)

SURE: Final = 1e-4
"""Chance at most that a column of random numbers is taken for personal data."""
_NEVER: Final = "[^\\s\\S]"
"""Matches nothing."""

Mask = NDArray[np.bool_]
Judge = Callable[[pl.Series], Mask]
"""Digits (or an IBAN without spaces) to whether they are valid."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of personal data."""

    name: str
    title: str
    """For people, in the plural."""
    plain: str
    """Regular expression of the bare form: no separators."""
    valid: Judge
    begins: Judge
    """Whether a bare value is a candidate at all."""
    chance: float
    """Share of random candidates that are valid; 1 where a bare value proves nothing."""
    written: str | None = None
    """Regular expression, with one group, of the form in which people write it."""
    written_proves: bool = True
    """Nothing else is written like that."""
    hints: str | None = None
    """Key of the words that name it, in `identifiers.toml`."""
    lone: bool = False
    """Few valid candidates are enough, if no other candidate is invalid."""


def found(values: pl.Series, column: str, kind: Kind) -> Mask:
    """Which of some distinct texts hold this kind of personal data.

    `column` is the name of their column. A text may hold it among other words.
    """
    texts = values.str.strip_chars()
    whole = _matches(texts, kind.plain)
    hit = np.zeros(len(values), dtype=bool)
    if whole.any():
        hit[whole] = _believed(texts.filter(pl.Series(whole)), kind, named=_named(column, kind))
    rest = texts.filter(pl.Series(~whole))
    for pattern, named in _patterns(kind):
        numbers, owners = _extract(rest, pattern)
        believed = _believed(numbers, kind, named=named)
        hit[np.flatnonzero(~whole)[owners[believed]]] = True
    return hit


def _patterns(kind: Kind) -> Sequence[tuple[str, bool]]:
    """Forms that stand between other words, and whether the form itself says what it is."""
    patterns = []
    if kind.written is not None:
        patterns.append((kind.written, kind.written_proves))
    if kind.hints is not None:
        after = rf"(?i)\b(?:{_words(kind)})\b[^0-9a-z]{{0,4}}({kind.plain})\b"
        patterns.append((after, True))
    if kind.chance < 1:
        patterns.append((rf"\b({kind.plain})\b", False))
    return patterns


def _believed(numbers: pl.Series, kind: Kind, *, named: bool) -> Mask:
    """Which numbers are taken for personal data, all of one column and form judged together."""
    candidates = kind.begins(numbers)
    valid = np.zeros(len(numbers), dtype=bool)
    valid[candidates] = kind.valid(numbers.filter(pl.Series(candidates)))
    hits, tried = int(valid.sum()), int(candidates.sum())
    if named:
        believed = hits * 2 >= len(valid)
    else:
        believed = (kind.lone and hits == tried) or beyond_chance(hits, tried, kind.chance)
    return valid if believed else np.zeros_like(valid)


def beyond_chance(hits: int, candidates: int, chance: float) -> bool:
    """Whether chance explains so many hits in fewer than one column in ten thousand.

    By Chernoff's bound on the tail of the binomial distribution.
    """
    if hits == 0 or chance >= 1 or hits <= candidates * chance:
        return False
    share = hits / candidates
    divergence = share * math.log(share / chance)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - chance))
    return math.exp(-candidates * divergence) < SURE


def _extract(texts: pl.Series, pattern: str) -> tuple[pl.Series, NDArray[np.int64]]:
    """Every match's group without its separators, and the place of the text that it is in."""
    places = np.flatnonzero(texts.str.contains(pattern).to_numpy())
    table = (
        pl.DataFrame({"place": places, "text": texts.gather(places)})
        .with_columns(pl.col("text").str.extract_all(pattern))
        .explode("text")
        .with_columns(pl.col("text").str.extract(pattern, 1).str.replace_all(r"[ .()-]", ""))
        .drop_nulls()
    )
    return table["text"], table["place"].to_numpy()


def _named(column: str, kind: Kind) -> bool:
    """Whether the column's name says that it holds this."""
    return kind.hints is not None and bool(
        re.search(rf"(?i)(?:^|[\W_])(?:{_words(kind)})(?:$|[\W_])", column)
    )


def _words(kind: Kind) -> str:
    words = facts()["hints"][kind.hints]
    return "|".join(w.replace("_", "[_ ]?") for w in words)


# --- validators


def digits_of(values: pl.Series, width: int) -> NDArray[np.uint8]:
    """Digits as numbers, (values, width), right-aligned and filled with zeros."""
    padded = values.str.zfill(width).to_numpy().astype(f"S{width}")
    return padded.view(np.uint8).reshape(len(values), width) - ord("0")


def luhn(values: pl.Series) -> Mask:
    """The check digit of ISO/IEC 7812-1."""
    digits = digits_of(values, 20)[:, ::-1].astype(np.int64)
    doubled = digits[:, 1::2] * 2
    total = digits[:, ::2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    passed: Mask = total % 10 == 0
    return passed


def issued(values: pl.Series) -> Mask:
    """Card numbers whose first digits and length are issued by some network."""
    return _matches(values, card_pattern())


def iban(values: pl.Series) -> Mask:
    """IBANs: ISO 7064 MOD 97-10."""
    return np.array([mod97(v) == 1 for v in values], dtype=bool)


def country_length(values: pl.Series) -> Mask:
    """As long as the IBANs of the country that it begins with."""
    lengths = facts()["iban"]["lengths"]
    wanted = (
        values.str.slice(0, 2)
        .str.to_uppercase()
        .replace_strict(lengths, default=0, return_dtype=pl.UInt32)
    )
    return (values.str.len_chars() == wanted).to_numpy()


def phone(values: pl.Series) -> Mask:
    """8 to 15 digits; after a plus sign they begin with a country code that is assigned."""
    codes = "|".join(facts()["phone"]["codes"])
    bare = values.str.strip_prefix("+")
    assigned = _matches(values, "[^+].*") | _matches(bare, rf"(?:{codes})[0-9]+")
    return assigned & _matches(bare, "[0-9]{8,15}")


def nric(values: pl.Series) -> Mask:
    """Malaysian NRIC: a day and a place of birth; a column of times of day is none."""
    valid = _matches(values, nric_pattern())
    timed = _matches(values, rf"[0-9]{{2}}{DAY}{_TIME}[0-5][0-9]|(?:19|20)[0-9]{{2}}{DAY}{_TIME}")
    return np.zeros_like(valid) if len(timed) >= 8 and timed.mean() > 0.9 else valid


def qid(values: pl.Series) -> Mask:
    """Qatari QID: century and year before 2040, a nationality, serial."""
    return _matches(values, qid_pattern())


def ahv(values: pl.Series) -> Mask:
    """Swiss AHV number: an EAN-13 check digit."""
    digits = digits_of(values, 13).astype(np.int64)
    total = digits[:, ::2].sum(axis=1) + 3 * digits[:, 1::2].sum(axis=1)
    passed: Mask = total % 10 == 0
    return passed


def ssn(values: pl.Series) -> Mask:
    """US SSN: areas, groups and serials that were never issued are out."""
    return _matches(values, "[0-9]{9}") & ~_matches(values, NEVER_SSN)


def any_(values: pl.Series) -> Mask:
    """Whatever has the form."""
    return np.ones(len(values), dtype=bool)


_TIME: Final = "(?:[01][0-9]|2[0-3])[0-5][0-9]"


def _matches(values: pl.Series, pattern: str) -> Mask:
    return values.str.contains(f"^(?:{pattern})$").fill_null(value=False).to_numpy()


KINDS: Final[Sequence[Kind]] = (
    Kind(
        "card_number",
        "card numbers",
        "[0-9]{13,19}",
        luhn,
        issued,
        0.1,
        r"\b([0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5})\b",
        written_proves=False,
        hints="card",
        lone=True,
    ),
    Kind(
        "iban",
        "IBANs",
        "[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{11,29}",
        iban,
        country_length,
        0.02,
        r"\b([A-Z]{2}[0-9]{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)\b",
        lone=True,
    ),
    Kind(
        "email",
        "e-mail addresses",
        _NEVER,
        any_,
        any_,
        1.0,
        r"([A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24})",
    ),
    Kind(
        "phone",
        "phone numbers",
        r"[0-9]{8,15}",
        phone,
        any_,
        1.0,
        r"(\+[1-9][0-9]{0,2}[ .-]?(?:\(?[0-9]{1,4}\)?[ .-]?){2,5}"
        r"|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4})\b",
        hints="phone",
    ),
    Kind(
        "nric",
        "Malaysian NRIC numbers",
        "[0-9]{12}",
        nric,
        any_,
        0.06,
        r"\b([0-9]{6}-[0-9]{2}-[0-9]{4})\b",
        hints="nric",
    ),
    Kind("qid", "Qatari QID numbers", "[0-9]{11}", qid, any_, 0.05, hints="qid"),
    Kind("nin", "Nigerian NIN numbers", "[0-9]{11}", any_, any_, 1.0, hints="nin"),
    Kind("bvn", "Nigerian BVN numbers", "22[0-9]{9}", any_, any_, 1.0, hints="bvn"),
    Kind(
        "ahv",
        "Swiss AHV numbers",
        "756[0-9]{10}",
        ahv,
        any_,
        0.1,
        r"\b(756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2})\b",
        hints="ahv",
        lone=True,
    ),
    Kind(
        "ssn",
        "US social security numbers",
        "[0-9]{9}",
        ssn,
        any_,
        1.0,
        r"\b([0-9]{3}-[0-9]{2}-[0-9]{4})\b",
        hints="ssn",
    ),
)
