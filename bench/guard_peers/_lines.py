"""What the runners share. Free of imports that a peer's environment may lack."""

import contextlib
import io
import json
import sys
import time


def answer(judge):
    """Ask `judge(text, is_data) -> bool` about every line of standard input.

    A line in: {"text", "data"}. A line out: {"flagged": bool or null, "ms": CPU milliseconds}.
    """
    real = sys.stdout
    for line in sys.stdin:
        row = json.loads(line)
        started = time.process_time()
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                flagged = bool(judge(row["text"], row["data"]))
        except (Exception, SystemExit):  # noqa: BLE001 - whatever a peer raises is its answer
            flagged = None
        spent = 1000 * (time.process_time() - started)
        real.write(json.dumps({"flagged": flagged, "ms": spent}) + "\n")
        real.flush()
