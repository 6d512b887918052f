"""What the runners share. Free of imports that a peer's environment may lack."""

import contextlib
import io
import sys


def answer(judge):
    """Ask `judge(path) -> bool` about every path on standard input."""
    real = sys.stdout
    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                verdict = "flagged" if judge(path) else "clean"
        except (Exception, SystemExit):  # noqa: BLE001 - whatever a peer raises is its answer
            verdict = "failed"
        real.write(f"{path}\t{verdict}\n")
        real.flush()
