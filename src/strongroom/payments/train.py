"""`python -m strongroom.payments.train strongroom.yaml OUTPUT`: the mended model, made again.

Reads the training table, the features and the seed from the manifest and nothing else: no network,
no clock, one thread. The same files and the same versions of the packages give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from strongroom.assess.tables import feature_matrix, label_vector, read_table
from strongroom.domain.errors import InputError, StrongroomError
from strongroom.governance.loader import Loaded, load_manifest
from strongroom.payments.training import Hardening, fit_mended, write_booster

COMMAND: Final = ("python", "-m", "strongroom.payments.train", "strongroom.yaml", "{output}")
"""As it stands in a manifest."""


def train(loaded: Loaded, output: Path) -> None:
    """Fit the mended model on the manifest's training table and write it as LightGBM text."""
    system = loaded.system
    if system.data is None or system.model is None or system.model.training is None:
        raise InputError(
            "needs a model with a training section, and data", where=str(loaded.folder)
        )
    schema = system.data.schema_
    table = read_table(loaded.folder / system.data.train.path)
    model = fit_mended(
        feature_matrix(table, schema.features),
        label_vector(table, schema.target),
        schema,
        seed=system.model.training.seed,
        hardening=Hardening(),
    )
    write_booster(model, output)


def main(arguments: list[str]) -> int:
    """Exit 0 when the model is written, 2 when it could not be made."""
    parser = argparse.ArgumentParser(
        prog="python -m strongroom.payments.train", description=train.__doc__
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args(arguments)
    try:
        train(load_manifest(given.manifest), given.output)
    except StrongroomError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
