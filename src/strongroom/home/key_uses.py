"""How often the uses of data keys are told: the first at once, further ones by the hour."""

from __future__ import annotations

import os
import pwd
import socket
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

PERIOD: Final = timedelta(hours=1)
"""Within it, one process tells the use of one key for one purpose once."""


class KeyUses:
    """What one process has told, and counted since."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], tuple[datetime, int]] = {}
        self._lock = Lock()

    def count(self, key: str, purpose: str, now: datetime) -> int | None:
        """Count a use. How many have to be told now, or None when this can wait."""
        with self._lock:
            at, waiting = self._told.get((key, purpose), (None, 0))
            if at is not None and now - at < PERIOD:
                self._told[key, purpose] = (at, waiting + 1)
                return None
            self._told[key, purpose] = (now, 0)
            return waiting + 1

    def forget(self, key: str, purpose: str) -> None:
        """Telling it failed: the next use is the first again."""
        with self._lock:
            self._told.pop((key, purpose), None)


def caller() -> str:
    """`USER@HOST` as the operating system has it; who may have used the account it cannot know."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = f"uid-{number}"
    return f"{name}@{socket.gethostname()}"
