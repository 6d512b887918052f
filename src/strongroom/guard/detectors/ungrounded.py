"""Account numbers in an output that stand nowhere in what came before: made up, or put there.

**What it looks at**: an output whose conversation is known.

**What it says**: an IBAN, or eight digits or more after a word such as "account", that no earlier
text holds. A payment to such a number goes to nobody, or to a thief.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.guard.detectors.bank_accounts import BankAccounts
from strongroom.guard.detectors.bank_accounts import load as load_accounts
from strongroom.guard.detectors.cards import Cards
from strongroom.guard.detectors.cards import load as load_cards
from strongroom.guard.records import Detection, Message, Source


@dataclass(frozen=True, slots=True)
class Ungrounded:
    """See the module."""

    accounts: BankAccounts
    cards: Cards
    name: str = "ungrounded.accounts"
    version: int = 1
    kinds: tuple[str, ...] = ("ungrounded.account",)

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every account number without a ground."""
        seen = message.grounds.seen
        if message.source is not Source.OUTPUT or seen is None:
            return
        known = ""
        for found in (*self.accounts.inspect(message), *self.cards.inspect(message)):
            if found.kind == "pii.bic" or found.decoded:
                continue
            known = known or "\n".join(_bare(text) for text in seen)
            if _bare(message.text[slice(*found.span)]) not in known:
                yield Detection(
                    f"{self.name}@{self.version}",
                    "ungrounded.account",
                    0.8,
                    found.span,
                    facts={"kind": found.kind},
                )


def _bare(text: str) -> str:
    return re.sub(r"[^0-9A-Z\n]", "", text.upper())


def load() -> Ungrounded:
    """The detector."""
    return Ungrounded(load_accounts(), load_cards())
