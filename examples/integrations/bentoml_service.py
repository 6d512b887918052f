"""A BentoML service that starts only with the model that the gate let into production."""

import bentoml
import numpy as np
from verified_model import production_model


@bentoml.service
class Fraud:
    """Scores payments."""

    def __init__(self) -> None:
        self.model = production_model("fraud", "model/model.txt")

    @bentoml.api
    def score(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities of fraud, (n,), for rows (n, features)."""
        return self.model.predict(rows)
