"""Check digits of national ids; each takes letters and digits without separators, in capitals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from strongroom.domain.identifiers import ean13, is_nric, is_qid, is_ssn, mod97

_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
"""Spain: the control letter by the number modulo 23."""
_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
         6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip
"""Italy: values of characters in odd places. Source: Decreto ministeriale 23 dicembre 1976."""


def anything(value: str) -> bool:
    """The form is all there is."""
    return bool(value)


def dni(value: str) -> bool:
    """Spain: a letter by the number modulo 23; NIE begin with X, Y or Z for 0, 1 or 2."""
    number = value[:-1].translate(str.maketrans("XYZ", "012"))
    return number.isdigit() and _DNI[int(number) % 23] == value[-1]


def nir(value: str) -> bool:
    """France: 97 minus the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    number = value[:-2].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(value[-2:])


def codice_fiscale(value: str) -> bool:
    """Italy: a letter by the sum of values by place."""
    total = sum(
        _ODD[char] if place % 2 == 0 else int(char) if char.isdigit() else ord(char) - 65
        for place, char in enumerate(value[:15])
    )
    return len(value) == 16 and chr(65 + total % 26) == value[15]


def steuer_id(value: str) -> bool:
    """Germany: ISO 7064 MOD 11,10."""
    product = 10
    for char in value[:10]:
        total = (int(char) + product) % 10 or 10
        product = 2 * total % 11
    return len(value) == 11 and (11 - product) % 10 == int(value[10])


def bsn(value: str) -> bool:
    """The Netherlands: the test of eleven."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(int(char) * weight for char, weight in zip(value, weights, strict=False))
    return len(value) == 9 and total > 0 and total % 11 == 0


def belgian(value: str) -> bool:
    """Belgium: 97 minus the number modulo 97; with a 2 before it for births from 2000 on."""
    number, check = value[:9], int(value[9:])
    return check in (97 - int(number) % 97, 97 - int("2" + number) % 97)


def pesel(value: str) -> bool:
    """Poland: weights 1, 3, 7, 9."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    total = sum(int(char) * weight for char, weight in zip(value, weights, strict=False))
    return len(value) == 11 and total % 10 == 0


def aba(value: str) -> bool:
    """US routing number: weights 3, 7, 1."""
    weights = (3, 7, 1) * 3
    total = sum(int(char) * weight for char, weight in zip(value, weights, strict=False))
    return len(value) == 9 and total > 0 and total % 10 == 0


def creditor_reference(value: str) -> bool:
    """ISO 11649: RF and two check digits; a reference, and nobody's account."""
    return value.startswith("RF") and mod97(value) == 1


CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    "anything": anything,
    "nric": is_nric,
    "qid": is_qid,
    "ssn": is_ssn,
    "ean13": ean13,
    "dni": dni,
    "nir": nir,
    "codice_fiscale": codice_fiscale,
    "steuer_id": steuer_id,
    "bsn": bsn,
    "belgian": belgian,
    "pesel": pesel,
    "aba": aba,
}
"""By the name that `national_ids.toml` uses."""
