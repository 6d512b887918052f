"""Which alias of MLflow's registry stands for which of our stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError

ALIASES: Final = "STRONGROOM_MLFLOW_ALIASES"
"""Environment of server and promoter: `ALIAS=STAGE,ALIAS=STAGE`."""
DEFAULT_ALIASES: Final = "champion=production,challenger=validation"


def stages_of(environ: Mapping[str, str]) -> dict[str, Stage]:
    """Stage by alias. Raises InputError."""
    pairs = [pair.partition("=") for pair in environ.get(ALIASES, DEFAULT_ALIASES).split(",")]
    try:
        return {alias.strip().lower(): Stage(stage.strip()) for alias, _, stage in pairs}
    except ValueError as error:
        raise InputError(f"{ALIASES}: {error}", fix=DEFAULT_ALIASES) from error
