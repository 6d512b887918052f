"""ART's HopSkipJump on one row: prints what became of it as JSON.

    python hop_skip_jump.py MODEL ROW.npz ITERATIONS EVALUATIONS

Run by an interpreter that has adversarial-robustness-toolbox, in a process that can be killed: on
trees the attack's search for a step size may never end.
"""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
from art.attacks.evasion import HopSkipJump  # noqa: E402
from art.estimators.classification import BlackBoxClassifier  # noqa: E402


def main(model: str, given: str, iterations: str, evaluations: str) -> None:
    """Attack the row; the whole row may move within the ranges of ordinary rows."""
    booster = lightgbm.Booster(model_file=model)
    data = np.load(given)
    queries = 0

    def decide(x: np.ndarray) -> np.ndarray:
        nonlocal queries
        queries += len(x)
        flagged = booster.predict(x, num_threads=1) >= data["threshold"]
        return np.column_stack([~flagged, flagged]).astype(np.float32)

    low, high = data["low"].astype(np.float32), data["high"].astype(np.float32)
    victim = BlackBoxClassifier(decide, low.shape, 2, clip_values=(low, high))
    attack = HopSkipJump(
        victim, max_iter=int(iterations), max_eval=int(evaluations), init_eval=100, verbose=False
    )
    print("ready", flush=True)
    began = time.process_time()
    row = attack.generate(data["row"][None].astype(np.float32), mask=data["mask"][None])[0]
    seconds = time.process_time() - began
    print(json.dumps({"row": row.tolist(), "seconds": seconds, "queries": queries}))


if __name__ == "__main__":
    main(*sys.argv[1:])
