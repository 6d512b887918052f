"""A model for a server, verified and opened in memory: no plaintext on disk."""

import os
from pathlib import Path

import lightgbm

from strongroom.domain.decision import Stage
from strongroom.home.home import Home
from strongroom.registry.registry import Registry


def production_model(system: str, file: str) -> lightgbm.Booster:
    """What stands in production. Raises where it is not what was sealed, signed and promoted."""
    with Home.open(Path(os.environ["STRONGROOM_HOME"])) as home:
        opened = Registry(home).open(system, Stage.PRODUCTION)
    return lightgbm.Booster(model_str=opened.files[file].decode())
