"""What the runners share. Free of imports that a peer's environment may lack."""

import json
import os
import sys
import time

REAL = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # peers print, some from below Python
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[threads] = "1"


def answer(judge):
    """Ask `judge(text, is_data) -> bool` about every line of standard input.

    A line in: {"text", "data"}. A line out: {"flagged": bool or null, "ms": CPU milliseconds,
    "error"}.
    """
    for line in sys.stdin:
        row, error = json.loads(line), ""
        started = time.process_time()
        try:
            flagged = bool(judge(row["text"], row["data"]))
        except BaseException as raised:  # noqa: BLE001 - whatever a peer raises is its answer
            flagged, error = None, f"{type(raised).__name__}: {raised}"
        spent = 1000 * (time.process_time() - started)
        REAL.write(json.dumps({"flagged": flagged, "ms": spent, "error": error}) + "\n")
        REAL.flush()
