"""The mirror of advisories that a home holds, at HOME/advisories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from strongroom.assess.advisories.mirror import (
    HEAD,
    About,
    Mirror,
    check_age,
    read_about,
    read_data,
)
from strongroom.domain.errors import StrongroomError, TrustError

if TYPE_CHECKING:  # a check's process does without a database
    from strongroom.home.home import Home

FOLDER: Final = "advisories"
"""Where a home keeps its mirror."""


@dataclass(frozen=True, slots=True)
class Held:
    """A mirror as the home's trust policy sees it now. Its data is read when it is opened."""

    folder: Path
    about: About | None
    """None where it may not be believed."""
    problem: str = ""
    """Why not."""

    def open(self) -> Mirror:
        """With its data. Raises TrustError (not believed), IntegrityError (other bytes)."""
        if self.about is None:
            raise TrustError(self.problem, where=str(self.folder), fix="strongroom advisories sync")
        return Mirror(self.about, read_data(self.folder, self.about))

    def identity(self) -> str:
        """Of what it says: the same for the same advisories of the same time."""
        return self.problem if self.about is None else f"{self.about.as_of} {self.about.digest}"


def held_mirror(home: Home, now: datetime) -> Held | None:
    """None where the home holds none."""
    folder = home.folder / FOLDER
    if not (folder / HEAD).exists():
        return None
    try:
        about = read_about(folder, home.trust, now=now)
        check_age(about, now, where=folder)
    except StrongroomError as error:
        return Held(folder, None, error.what)
    return Held(folder, about)
