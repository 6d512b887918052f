"""Builds examples from our grammars: plain, combined, placed in documents, lightly disguised."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from strongroom.guard.detectors._windows import SEGMENT, segments_of
from strongroom.guard.training.corpora import Example
from strongroom.guard.training.grammar import PLACE, Family, read_grammar
from strongroom.guard.training.surface import disguised, varied

GRAMMARS = (
    "hard_negatives_en.yaml",
    "trigger_words_en.yaml",
    "requests_en.yaml",
    "everyday_en.yaml",
    "banking_en.yaml",
    "attacks_en.yaml",
    "orders_in_data_en.yaml",
    "sabotage.yaml",
    "conversation.yaml",
    "multilingual.yaml",
    "languages.yaml",
)
CARRIERS = ("documents.yaml", "mails.yaml")
COPIES = 6
"""Texts of one line kept for calibration."""
ORDERS = 3
"""Orders put into each real document, one at a time."""


def plain(per_family: int, *, held_out: bool, rng: random.Random) -> Iterator[Example]:
    """Texts of every family as a user or a document may bring them."""
    for name in GRAMMARS:
        for family in read_grammar(name):
            part = family.part(held_out=held_out)
            count = _fair(per_family, family)
            if held_out:  # a line kept for calibration must not outvote the others by its copies
                count = min(count, COPIES * len(part.lines))
            for text in part.texts(count, rng):
                yield Example(varied(text, rng), family.user, family.data, family.name)


def _fair(per_family: int, family: Family) -> int:
    """More texts from families with more lines: variety, not repetition."""
    return max(20, per_family * len(family.lines) // 15)


def in_documents(
    count: int,
    orders: Sequence[Example],
    real: Sequence[Example],
    *,
    held_out: bool,
    rng: random.Random,
) -> Iterator[Example]:
    """Documents, half of them clean; the others carry an order at their place, start or end.

    `real` are clean documents of the corpora, which carry orders too.
    """
    weights = [_fitting(order) for order in orders]
    for clean, text in _carriers(count, held_out=held_out, rng=rng):
        yield clean
        (order,) = rng.choices(orders, weights)
        yield from _carried(text, order, clean.origin, held_out=held_out, rng=rng)
    for clean in real:
        for order in rng.choices(orders, weights, k=ORDERS):
            yield from _carried(clean.text, order, clean.origin, held_out=held_out, rng=rng)


def _carriers(count: int, *, held_out: bool, rng: random.Random) -> Iterator[tuple[Example, str]]:
    """Documents of our grammars, clean, and with the mark where an order may go."""
    families = [family for name in CARRIERS for family in read_grammar(name)]
    for family in families:
        part = family.part(held_out=held_out)
        share = min(count // len(families), COPIES * len(part.lines) if held_out else count)
        for text in part.texts(share, rng):
            clean = re.sub(" +", " ", text.replace(PLACE, ""))
            yield Example(clean, 0, 0, family.name), text


def _fitting(order: Example) -> float:
    """Orders that documents carry are mostly orders about the answer, fewer are jailbreaks."""
    return 6.0 if order.origin.startswith(("data.", "bipia")) else 1.0


def _carried(
    text: str, order: Example, kind: str, *, held_out: bool, rng: random.Random
) -> Iterator[Example]:
    """A document with an order in it, and the pieces that tell.

    Calibration reads the whole as inference will; training learns from the pieces.
    """
    carrier = placed(text, order.text, rng)
    origin = f"{kind}+{order.origin}"
    if held_out or len(carrier) <= SEGMENT:  # a first window of a longer one may hold no order
        yield Example(carrier, order.user, 1 if held_out else None, origin, order.weight)
    for piece in [] if held_out else _carrying(carrier, order.text)[:2]:
        yield Example(piece, None, 1, origin, order.weight)


def _carrying(carrier: str, order: str) -> list[str]:
    """The segments that are mostly the order."""
    start = carrier.find(order)
    end = start + len(order)
    return [
        piece.text
        for piece in segments_of(carrier, 200)
        if min(end, piece.end) - max(start, piece.start) >= 0.5 * len(piece.text)
    ]


def placed(document: str, order: str, rng: random.Random) -> str:
    """The document with the order in it."""
    spot = rng.random()
    if PLACE in document and spot < 0.6:
        return document.replace(PLACE, order)
    document = document.replace(PLACE, "").strip()
    gap = rng.choice(["\n", " ", "\n\n"])
    if spot < 0.8:
        return document + gap + order
    return order + gap + document


def pairs(examples: Sequence[Example], count: int, rng: random.Random) -> Iterator[Example]:
    """Two user texts one after the other; an attack anywhere makes an attack of both."""
    usable = [each for each in examples if each.user is not None and len(each.text) < 300]
    innocent = [each for each in usable if each.user == 0]
    weights = [each.weight for each in usable]
    for drawn in rng.choices(usable, weights, k=count):
        first, second = rng.choice(innocent), drawn
        if rng.random() < 0.3:
            first, second = second, first
        text = first.text + rng.choice([" ", "\n", ". ", "\n\n"]) + second.text
        attack = max(first.user or 0, second.user or 0)
        origin = f"{first.origin}&{second.origin}"
        yield Example(text, attack, None, origin)


def salted(
    innocent: Sequence[Example], words: Sequence[str], count: int, rng: random.Random
) -> Iterator[Example]:
    """Innocent texts with words that attacks like strewn in, so that no word proves anything."""
    short = [each for each in innocent if each.user == 0 and len(each.text) < 160]
    for each in rng.choices(short, k=count):
        tokens = each.text.split()
        for word in rng.sample(words, rng.choice((1, 1, 2, 3))):
            at = rng.randrange(len(tokens) + 1)
            tokens[at:at] = [rng.choice((word, word, f"'{word}'", f"{word}ed", word.upper()))]
        yield Example(" ".join(tokens), 0, None, f"salted+{each.origin}")


def loose_words() -> tuple[str, ...]:
    """The words that attacks like, as the grammar of innocent trigger words lists them."""
    (first, *_) = read_grammar("trigger_words_en.yaml")
    return tuple(first.slots["w"])


def in_disguise(attacks: Sequence[Example], count: int, rng: random.Random) -> Iterator[Example]:
    """Short attacks and innocent texts in disguise, so that the disguise itself proves nothing."""
    short = [each for each in attacks if len(each.text) < 120 and each.user is not None]
    for each in rng.sample(short, min(count, len(short))):
        yield replace(each, text=disguised(each.text, rng), origin=f"{each.origin}~")
