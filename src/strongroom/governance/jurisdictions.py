"""Countries, and what a place's law includes: a rule of the EU binds in Germany."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from strongroom.domain.errors import InputError
from strongroom.governance.strict_yaml import read_yaml


@dataclass(frozen=True, slots=True)
class Places:
    """What codes exist and which groups they belong to."""

    codes: frozenset[str]
    """ISO 3166-1 alpha-2 and the groups."""
    groups: Mapping[str, frozenset[str]]
    """Members by group: `EU`."""
    often_meant: Mapping[str, str]
    """What people write by the code they mean: `UK` for `GB`."""

    def reaches(self, law: str, place: str) -> bool:
        """Does a rule of `law` hold in `place`?"""
        return law == place or place in self.groups.get(law, frozenset())


@cache
def places() -> Places:
    """From `jurisdictions.yaml` beside this file."""
    tree = read_yaml(files("strongroom.governance").joinpath("jurisdictions.yaml").read_bytes())
    if tree.problems:
        raise InputError("jurisdictions.yaml is damaged", fix="install Strongroom again")
    groups = {name: frozenset(codes.split()) for name, codes in tree.value["groups"].items()}
    return Places(
        frozenset(tree.value["codes"].split()) | frozenset(groups),
        groups,
        tree.value["often_meant"],
    )
