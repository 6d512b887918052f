"""What a request reserves of its tenant's budget, and what it cost in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strongroom.guard.gateway.config import Caps, Price
from strongroom.guard.gateway.limits import DAY, MINUTE, Charge, Window

CHARS_A_TOKEN: Final = 4
"""Of English text; other languages need more tokens, so answers settle what was reserved."""
MILLIONTH: Final = 1_000_000
_MAXIMA: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class Use:
    """Tokens in and out."""

    input: int
    output: int

    @property
    def total(self) -> int:
        """Both."""
        return self.input + self.output

    def price(self, price: Price | None) -> int:
        """In millionths of the currency; 0 for a model without a price."""
        if price is None:
            return 0
        return round(self.input * price.input + self.output * price.output)


def tokens_in(chars: int) -> int:
    """Tokens of a text of so many characters, about."""
    return -(-chars // CHARS_A_TOKEN)


def reserved(body: dict[str, Any], chars: int, assumed: int) -> Use:
    """What a request may use: its text, and the answer it allows."""
    asked = [body[name] for name in _MAXIMA if type(body.get(name)) is int and body[name] > 0]
    return Use(tokens_in(chars), min(asked, default=assumed))


def charges(caps: Caps, use: Use, price: Price | None) -> Iterator[Charge]:
    """What counts against the tenant's caps."""
    if caps.requests_per_minute:
        yield Charge("requests_per_minute", MINUTE, caps.requests_per_minute, 1)
    if caps.tokens_per_minute:
        yield Charge("tokens_per_minute", MINUTE, caps.tokens_per_minute, use.total)
    if caps.tokens_per_day:
        yield Charge("tokens_per_day", DAY, caps.tokens_per_day, use.total)
    if caps.money_per_day:
        cap = round(caps.money_per_day * MILLIONTH)
        yield Charge("money_per_day", DAY, cap, use.price(price))


def corrections(
    windows: Sequence[Window], use: Use, price: Price | None
) -> Iterator[tuple[Window, int]]:
    """By what each reservation was wrong."""
    for window in windows:
        if window.charge.name.startswith("tokens"):
            wrong = use.total - window.charge.amount
        elif window.charge.name == "money_per_day":
            wrong = use.price(price) - window.charge.amount
        else:
            continue
        if wrong:
            yield window, wrong
