"""E-mail addresses and phone numbers.

**What it looks at**: every reading of a message, whoever speaks.

**False alarms**: digits alone are no phone number: it needs a plus sign and an assigned country
code, brackets round an area code, or a word that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from strongroom.domain.identifiers import facts
from strongroom.guard.detectors.checks import anything
from strongroom.guard.detectors.values import Form, Forms, find
from strongroom.guard.records import Detection, Message

_HINTS: Final = (
    "phone", "phone_number", "mobile", "tel", "telephone", "cell", "cellphone", "whatsapp",
    "telefon", "handy", "telefono", "téléphone", "telefone", "telefon_bimbit", "no_tel", "msisdn",
    "call_me_at", "call_me_on", "هاتف", "جوال",
)  # fmt: skip


@cache
def _international() -> re.Pattern[str]:
    codes = "|".join(sorted(facts()["phone"]["codes"], key=len, reverse=True))
    return re.compile(
        rf"(?<![0-9A-Za-z+])\+(?:{codes})(?:[ .()/-]{{0,2}}[0-9]){{6,13}}+(?![0-9A-Za-z])"
    )


@cache
def forms() -> tuple[Form, ...]:
    """How addresses and numbers are written."""
    return (
        Form(
            "pii.email",
            re.compile(
                r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}"
            ),
            anything,
            0.95,
            0.95,
        ),
        Form("pii.phone", _international(), anything, 0.9, 0.95, _HINTS, (b"+d",)),
        Form(
            "pii.phone",
            re.compile(r"(?<![0-9A-Za-z])\([0-9]{3}\) ?[0-9]{3}[-. ][0-9]{4}(?![0-9A-Za-z])"),
            anything,
            0.9,
            0.95,
            _HINTS,
            (b"ddd-dddd", b"ddd.dddd", b"ddd dddd"),
        ),
        Form(
            "pii.phone",
            re.compile(
                r"(?<![0-9A-Za-z.,+-])0?[0-9](?:[ ./-]?[0-9]){6,13}(?![0-9A-Za-z,]|[.-][0-9])"
            ),
            anything,
            0.0,
            0.8,
            _HINTS,
            (b"ddd", b"dd ", b"dd-"),
        ),
    )


@dataclass(frozen=True, slots=True)
class Contacts:
    """See the module."""

    emails: Forms
    phones: Forms
    name: str = "pii.contacts"
    version: int = 1
    kinds: tuple[str, ...] = ("pii.email", "pii.phone")

    def inspect(self, message: Message) -> Iterator[Detection]:
        """Every address and number."""
        detector = f"{self.name}@{self.version}"
        if any("@" in view.text for view in message.views):
            yield from find(detector, message, self.emails)
        yield from find(detector, message, self.phones)


def load() -> Contacts:
    """The detector."""
    email, *phones = forms()
    return Contacts(Forms((email,)), Forms(phones))
