"""A bank that kills itself when it is asked for a step in a round: FOLDER DATA PORT STEP NTH."""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from strongroom.federated.bank import Line, take_part
from strongroom.federated.parties import open_party
from strongroom.federated.worker import Rows

folder, data, port, step, nth = sys.argv[1:]
seen = 0


def watch(asked: str) -> None:
    global seen  # noqa: PLW0603
    seen += asked == step
    if seen == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)


party, held = open_party(Path(folder), None), np.load(data)
take_part(party, party.plan, Rows(held["x"], held["y"]), Line("127.0.0.1", int(port)), watch=watch)
