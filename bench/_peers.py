"""An environment of its own for each peer, outside the repository, made once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("STRONGROOM_BENCH_CACHE", Path.home() / ".cache/strongroom-bench"))


def environment(peer: str, pins: Sequence[str]) -> Path | None:
    """The interpreter with these packages, made if need be; None where they do not install."""
    folder = CACHE / "peers" / peer
    python = folder / "bin/python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *pins]
        if subprocess.run(install, check=False, stderr=subprocess.DEVNULL).returncode:
            return None
        (folder / "installed").touch()
    return python
