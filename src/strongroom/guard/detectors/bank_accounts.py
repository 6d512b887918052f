"""Bank accounts: IBAN (country's length, MOD 97), BIC, US routing numbers, account numbers by name.

**What it looks at**: every reading of a message, whoever speaks.

**False alarms**: a BIC is eight letters, as many words are: it counts only with digits or a branch
in it, or after a word that names it. Plain account numbers count only after such a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.domain.identifiers import facts, is_iban
from strongroom.guard.detectors.checks import aba, anything
from strongroom.guard.detectors.values import SHAPE, Form, Forms, find, told
from strongroom.guard.records import Detection, Message, View

_IBAN: Final = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?:[ .-]?[0-9A-Za-z]){11,40}+")
_ACCOUNT: Final = (
    "account", "account_number", "account_no", "acct", "acct_no", "a/c", "a/c_no", "nuban",
    "konto", "kontonummer", "compte", "cuenta", "conto", "conta", "akaun", "no_akaun", "rekening",
    "sort_code", "beneficiary_account", "حساب", "رقم الحساب",
)  # fmt: skip
_COUNTRIES: Final = (
    *facts()["iban"]["lengths"],
    *(
        "US",
        "MY",
        "SG",
        "NG",
        "HK",
        "JP",
        "CN",
        "IN",
        "AU",
        "CA",
        "ZA",
        "KE",
        "TH",
        "ID",
        "PH",
        "VN",
    ),
    *("MX", "TW", "KR"),
)
"""Of BICs: those that have IBANs, and large ones that have none."""
_FORMS: Final = (
    Form(
        "pii.bic",
        re.compile(
            rf"(?<![0-9A-Za-z])[A-Z]{{4}}(?:{'|'.join(_COUNTRIES)})[A-Z0-9]{{2}}(?:[A-Z0-9]{{3}})?"
            r"(?![0-9A-Za-z])"
        ),
        anything,
        0.0,
        0.8,
        ("bic", "swift", "swift_code", "bank_code", "bankleitzahl"),
        (b"aaaaaaaa", b"aaaaaada", b"aaaaaaad", b"aaaaaadd"),
    ),
    Form(
        "pii.routing_number",
        re.compile(r"(?<![0-9A-Za-z.-])[0-9]{9}(?![0-9A-Za-z-])"),
        aba,
        0.0,
        0.85,
        ("routing", "routing_number", "aba", "rtn", "ach"),
        (b"ddddddddd",),
    ),
    Form(
        "pii.account",
        re.compile(r"(?<![0-9A-Za-z.,-])[0-9](?:[ -]?[0-9]){6,16}(?![0-9A-Za-z,]|[.-][0-9])"),
        anything,
        0.0,
        0.75,
        _ACCOUNT,
        (b"dddd", b"ddd ", b"ddd-", b"dd-dd"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BankAccounts:
    """See the module."""

    forms: Forms
    name: str = "pii.bank_accounts"
    version: int = 1
    kinds: tuple[str, ...] = ("pii.account", "pii.bic", "pii.iban", "pii.routing_number")

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every IBAN, and what a word names as an account."""
        detector = f"{self.name}@{self.version}"
        ibans: dict[tuple[int, int], Detection] = {}
        for view in message.views:
            for span in _ibans(view):
                detection = told(detector, view, "pii.iban", 0.97, span)
                ibans.setdefault(detection.span, detection)
        yield from ibans.values()
        for found in find(detector, message, self.forms):
            if not any(a <= found.span[0] < b for a, b in ibans):
                yield found


def _ibans(view: View) -> Iterator[tuple[int, int]]:
    """Places of IBANs; letters and digits after the country's length belong to the next word."""
    lengths = facts()["iban"]["lengths"]
    for match in SHAPE.matches(_IBAN, view.text, b"aadd"):
        length = lengths.get(match.group()[:2].upper())
        if length is None:
            continue
        taken = 0
        for at, char in enumerate(match.group(), match.start()):
            taken += char.isalnum()
            if taken == length:
                value = re.sub("[^0-9A-Z]", "", view.text[match.start() : at + 1].upper())
                if is_iban(value) and not view.text[at + 1 : at + 2].isalnum():
                    yield match.start(), at + 1
                break


def load() -> BankAccounts:
    """The detector."""
    return BankAccounts(Forms(_FORMS))
