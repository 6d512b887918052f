"""What columns are called: the word lists of `words.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from strongroom.domain.errors import InputError
from strongroom.governance.strict_yaml import read_yaml

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_LETTERS: Final = re.compile(r"[^a-z]+")


@cache
def words() -> Mapping[str, frozenset[str]]:
    """Usual column names by what they mean, spoken as `spoken` does."""
    tree = read_yaml(files("strongroom.governance").joinpath("words.yaml").read_bytes())
    if tree.problems:
        raise InputError("words.yaml is damaged", fix="install Strongroom again")
    return {meaning: frozenset(names) for meaning, names in tree.value.items()}


def spoken(column: str) -> str:
    """A column name as words in lower case: `TX_AMOUNT` and `txAmount` are `tx amount`."""
    return _NOT_LETTERS.sub(" ", _CAMEL.sub(" ", column).lower()).strip()


def means(column: str, meaning: str) -> bool:
    """Is the column called what columns of this meaning are usually called?"""
    return spoken(column) in words()[meaning]


def looks_protected(column: str) -> bool:
    """Does the name suggest an attribute that anti-discrimination law protects?"""
    said = spoken(column).split(" ")
    while said and said[0] in words()["person"]:
        said = said[1:]
    return " ".join(said) in words()["protected"]
